use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey_core::port::Entropy;
use latchkey_native::SystemEntropy;
use tokio::net::TcpListener;

use super::{Failure, say};
use crate::cli::{DataArgs, ServicesArgs};
use crate::data::DataFolder;
use crate::serve::{self, Serving};
use crate::services::{Bridge, Database, DatabaseError, Environment, RedisServer, Stop, listen};

/// How long requests to DynamoDB's stand-in that are under way get to end.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until it is asked to stop, or until one of them ends by itself.
pub(super) fn run(args: &ServicesArgs, data: &DataArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start(args, data))
}

async fn start(args: &ServicesArgs, data: &DataArgs) -> Result<ExitCode, Failure> {
    let (dynamodb, upstash) = (listen(args.dynamodb).await?, listen(args.upstash).await?);
    let asked = serve::stop_asked()?;
    // In memory unless a folder is named: the one of the local server is not meant by it.
    let data = data.given.then(|| DataFolder::open(&data.data)).transpose()?;
    let keys = Keys::of(data.as_ref())?;
    let database = Database::open(data.as_ref().map(DataFolder::dynamodb).as_deref())?;
    database.ensure_table(&args.table)?;
    let redis = match args.redis {
        Some(address) => RedisServer::at(address).await?,
        None => RedisServer::start(data.as_ref().map(DataFolder::redis).as_deref()).await?,
    };
    let environment = environment(args, &dynamodb, &upstash, &keys)?;
    if let Some(path) = &args.env_file {
        environment.write(path)?;
    }
    say(format_args!(
        "# DynamoDB (dynoxide) and Upstash's REST protocol (redis-server), {}",
        place(data.as_ref())
    ));
    say(environment.to_string().trim_end());
    say("# Stop with Ctrl-C.");
    let bridge = Bridge::new(redis.client(), keys.token);
    serve_all(database, dynamodb, bridge, upstash, redis, asked).await?;
    say("# Stopped.");
    Ok(ExitCode::SUCCESS)
}

/// Redis goes last, since the bridge asks it until the end.
async fn serve_all(
    database: Database,
    dynamodb: TcpListener,
    bridge: Bridge,
    upstash: TcpListener,
    mut redis: RedisServer,
    asked: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let stop = Stop::default();
    let mut database = tokio::spawn(database.serve(dynamodb, stop.asked()));
    let bridge = tokio::spawn(serve::serve(upstash, bridge.routes(), Serving::default(), stop.asked()));
    let ended: Result<(), Failure> = tokio::select! {
        () = asked => Ok(()),
        () = redis.ended() => Err("redis-server ended; start again".into()),
        served = &mut database => Err(served.map_or_else(Into::into, why)),
    };
    stop.tell();
    // A client that sends half a request and no more would hold it for ever.
    if !database.is_finished() && tokio::time::timeout(GRACE, &mut database).await.is_err() {
        database.abort();
    }
    bridge.await?;
    redis.stop().await;
    ended
}

fn why(served: Result<(), DatabaseError>) -> Failure {
    served.map_or_else(Into::into, |()| "DynamoDB's stand-in stopped".into())
}

/// What opens things: made once and kept with the data, or anew when there is none.
struct Keys {
    secret: String,
    token: String,
}

impl Keys {
    fn of(data: Option<&DataFolder>) -> Result<Self, Failure> {
        let entropy: &dyn Entropy = &SystemEntropy;
        Ok(match data {
            Some(data) => Self { secret: data.secret(entropy)?, token: data.redis_token(entropy)? },
            None => Self {
                secret: STANDARD.encode(entropy.bytes::<32>()?),
                token: URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?),
            },
        })
    }
}

fn place(data: Option<&DataFolder>) -> String {
    data.map_or_else(|| "in memory".to_owned(), |data| format!("kept in {}", data.path().display()))
}

fn environment(
    args: &ServicesArgs,
    dynamodb: &TcpListener,
    upstash: &TcpListener,
    keys: &Keys,
) -> Result<Environment, Failure> {
    Ok(Environment::new(vec![
        ("LATCHKEY_URL", args.url.clone()),
        ("LATCHKEY_SECRET", keys.secret.clone()),
        ("LATCHKEY_TABLE", args.table.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", dynamodb.local_addr()?)),
        // The SDK wants a region and credentials; the stand-in takes any.
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("UPSTASH_REDIS_REST_URL", format!("http://{}", upstash.local_addr()?)),
        ("UPSTASH_REDIS_REST_TOKEN", keys.token.clone()),
    ]))
}

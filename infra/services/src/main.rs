//! The `latchkey-services` command.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::Parser;
use latchkey::data::DataFolder;
use latchkey::serve::{self, Serving};
use latchkey_core::port::Entropy;
use latchkey_native::SystemEntropy;
use latchkey_services::{Bridge, Database, DatabaseError, Environment, RedisServer, Stop, listen};
use tokio::net::TcpListener;

/// Reason that it does not run, in one line: the problem and its fix.
type Failure = Box<dyn std::error::Error>;

/// Runs stand-ins for DynamoDB and Upstash while functions are developed. They only serve this machine.
#[derive(Parser)]
#[command(name = "latchkey-services", version, about)]
struct Arguments {
    /// Loopback address for DynamoDB
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
    dynamodb: SocketAddr,
    /// Loopback address for Upstash's REST protocol
    #[arg(long, default_value = "127.0.0.1:8079", value_name = "ADDR")]
    upstash: SocketAddr,
    /// Address of a running Redis, instead of starting one
    #[arg(long, value_name = "ADDR")]
    redis: Option<SocketAddr>,
    /// Folder for all data; in memory by default
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File to write the environment into; lines that set other variables stay
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Name of the table
    #[arg(long, default_value = "latchkey", value_name = "NAME")]
    table: String,
    /// URL at which the functions will be reached
    #[arg(long, default_value = "http://localhost:9000", value_name = "URL")]
    url: String,
}

/// Time that running requests to DynamoDB's stand-in have to end.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error cannot be written either, the failure is lost.
            let _ = writeln!(std::io::stderr(), "latchkey-services: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to stop, or until one of the servers ends by itself.
fn run(args: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start(args))
}

async fn start(args: &Arguments) -> Result<(), Failure> {
    let (dynamodb, upstash) = (listen(args.dynamodb).await?, listen(args.upstash).await?);
    let asked = serve::stop_asked()?;
    let data = args.data.as_deref().map(DataFolder::open).transpose()?;
    let keys = Keys::of(data.as_ref())?;
    let within = |name: &str| data.as_ref().map(|data| data.path().join(name));
    let database = Database::open(within("dynamodb.db").as_deref())?;
    database.ensure_table(&args.table)?;
    let redis = match args.redis {
        Some(address) => RedisServer::at(address).await?,
        None => RedisServer::start(within("redis").as_deref()).await?,
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
    Ok(())
}

/// Serves all stand-ins. Redis ends last, because the bridge calls it until the end.
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
    // A client that sends half a request and no more would block the end forever.
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

/// Secrets: created once and stored with the data, or created for each run without a data folder.
struct Keys {
    secret: String,
    token: String,
}

impl Keys {
    fn of(data: Option<&DataFolder>) -> Result<Self, Failure> {
        let entropy: &dyn Entropy = &SystemEntropy;
        let secret = STANDARD.encode(entropy.bytes::<32>()?);
        let token = URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?);
        Ok(match data {
            Some(data) => {
                Self { secret: data.store_secret(secret)?, token: data.stored("redis-token", token)? }
            }
            None => Self { secret, token },
        })
    }
}

fn place(data: Option<&DataFolder>) -> String {
    data.map_or_else(|| "in memory".to_owned(), |data| format!("stored in {}", data.path().display()))
}

fn environment(
    args: &Arguments,
    dynamodb: &TcpListener,
    upstash: &TcpListener,
    keys: &Keys,
) -> Result<Environment, Failure> {
    Ok(Environment::new(vec![
        ("LATCHKEY_URL", args.url.clone()),
        ("LATCHKEY_SECRET", keys.secret.clone()),
        ("LATCHKEY_TABLE", args.table.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", dynamodb.local_addr()?)),
        // The SDK needs a region and credentials. The stand-in accepts any.
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("UPSTASH_REDIS_REST_URL", format!("http://{}", upstash.local_addr()?)),
        ("UPSTASH_REDIS_REST_TOKEN", keys.token.clone()),
    ]))
}

/// Prints a line. A closed pipe is not an error; `println!` would panic.
fn say(line: impl Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = writeln!(std::io::stderr(), "latchkey-services: standard output cannot be written ({error})");
    }
}

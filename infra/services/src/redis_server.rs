use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisResult};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a server may take until it answers; a large file to be read in takes seconds.
const START: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How long it gets to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How long one command may take: a script of one's own is allowed to be slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// There is no Redis to speak to.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The program is not there.
    #[error(
        "redis-server is not installed: run infra/setup/redis or `apt-get install redis-server` (macOS: `brew install redis`), or name a server that runs with --redis 127.0.0.1:6379"
    )]
    Missing,
    /// It does not start.
    #[error("redis-server does not start ({0})")]
    Start(String),
    /// None answers where one should run.
    #[error("no Redis answers at {address} ({why}): start one there, or leave --redis out")]
    NoAnswer {
        /// Where it should run.
        address: SocketAddr,
        /// Why.
        why: String,
    },
}

/// A Redis that runs: our own child, which ends with this, or somebody else's.
pub struct RedisServer {
    client: Client,
    own: Option<Own>,
}

struct Own {
    child: Child,
    /// Holds the socket and the log, and is removed with it.
    _folder: TempDir,
}

impl RedisServer {
    /// Starts `redis-server` on a socket in a folder of its own. It keeps nothing, unless there is a folder for it.
    pub async fn start(keep: Option<&Path>) -> Result<Self, RedisError> {
        let failed = |error: io::Error| RedisError::Start(error.to_string());
        let folder = tempfile::Builder::new().prefix("latchkey-redis").tempdir().map_err(failed)?;
        let (socket, log) = (folder.path().join("redis.sock"), folder.path().join("log"));
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--daemonize", "no", "--save", "", "--unixsocketperm", "700"]);
        command.arg("--unixsocket").arg(&socket);
        match keep {
            None => command.args(["--appendonly", "no", "--dir"]).arg(folder.path()),
            Some(keep) => {
                std::fs::create_dir_all(keep).map_err(failed)?;
                command.args(["--appendonly", "yes", "--dir"]).arg(keep)
            }
        };
        // Out of reach of a terminal's Ctrl-C, which would end it before those that still ask it.
        #[cfg(unix)]
        command.process_group(0);
        let output = File::create(&log).map_err(failed)?;
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RedisError::Missing,
            _ => failed(error),
        })?;
        let client =
            client(ConnectionAddr::Unix(socket)).map_err(|error| RedisError::Start(error.to_string()))?;
        let mut own = Own { child, _folder: folder };
        own.ready(&client, &log).await?;
        Ok(Self { client, own: Some(own) })
    }

    /// Speaks to a server that runs already.
    pub async fn at(address: SocketAddr) -> Result<Self, RedisError> {
        let failed = |error: redis::RedisError| RedisError::NoAnswer { address, why: error.to_string() };
        let client = client(ConnectionAddr::Tcp(address.ip().to_string(), address.port())).map_err(failed)?;
        ping(&client).await.map_err(failed)?;
        Ok(Self { client, own: None })
    }

    /// For connections to it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ready when our own child ends, which it does not by itself.
    pub async fn ended(&mut self) {
        match &mut self.own {
            Some(own) => {
                let _ = own.child.wait().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Ends our own child; leaves somebody else's alone.
    pub async fn stop(mut self) {
        let Some(own) = &mut self.own else { return };
        // It closes the connection instead of answering. Where it cannot be asked, it is killed below.
        if let Ok(mut connection) = connect(&self.client).await {
            let _ = redis::cmd("SHUTDOWN").query_async::<()>(&mut connection).await;
        }
        if tokio::time::timeout(GRACE, own.child.wait()).await.is_err() {
            let _ = own.child.kill().await;
        }
    }
}

impl Own {
    async fn ready(&mut self, client: &Client, log: &Path) -> Result<(), RedisError> {
        let wait = async {
            loop {
                if ping(client).await.is_ok() {
                    return Ok(());
                }
                match self.child.try_wait() {
                    Ok(None) => tokio::time::sleep(ASK_EVERY).await,
                    Ok(Some(status)) => return Err(format!("it ended with {status}")),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        let waited = tokio::time::timeout(START, wait).await;
        waited.unwrap_or_else(|_| Err(format!("no answer within {START:?}"))).map_err(|why| {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            RedisError::Start(format!("{why}: {}", last.trim()))
        })
    }
}

fn client(address: ConnectionAddr) -> RedisResult<Client> {
    Client::open(address.into_connection_info()?)
}

/// A connection of its own.
pub(super) async fn connect(client: &Client) -> RedisResult<redis::aio::MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn ping(client: &Client) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut connect(client).await?).await
}

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisResult};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Time that a server has to respond after its start. Loading a large file takes seconds.
const START: Duration = Duration::from_secs(30);
/// Pause between two attempts to reach it.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// Time that the server has to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// Time limit of one command. Custom scripts may be slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Error of a missing Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The program is not installed.
    #[error(
        "redis-server is not installed: run infra/setup/redis or `apt-get install redis-server` (macOS: `brew \
         install redis`), or name a running server with --redis 127.0.0.1:6379"
    )]
    Missing,
    /// The program does not start.
    #[error("redis-server does not start ({0})")]
    Start(String),
    /// No Redis responds at the given address.
    #[error("no Redis responds at {address} ({why}): start one there, or leave --redis out")]
    NoAnswer {
        /// Address of the expected server.
        address: SocketAddr,
        /// Cause.
        why: String,
    },
}

/// A running Redis: a child process, which ends with this value, or an external server.
pub struct RedisServer {
    client: Client,
    own: Option<Own>,
}

struct Own {
    child: Child,
    /// Folder of the socket and the log, deleted with this value.
    _folder: TempDir,
}

impl RedisServer {
    /// Starts `redis-server` on a socket in a folder of its own. It stores data only in `keep`, if given.
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
        // A process group of its own: a terminal's Ctrl-C would otherwise end the server before its clients.
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

    /// Connects to a running server.
    pub async fn at(address: SocketAddr) -> Result<Self, RedisError> {
        let failed = |error: redis::RedisError| RedisError::NoAnswer { address, why: error.to_string() };
        let client = client(ConnectionAddr::Tcp(address.ip().to_string(), address.port())).map_err(failed)?;
        ping(&client).await.map_err(failed)?;
        Ok(Self { client, own: None })
    }

    /// Returns a client for connections to the server.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits until the child process ends, which it does not do by itself.
    pub async fn ended(&mut self) {
        match &mut self.own {
            Some(own) => {
                let _ = own.child.wait().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Ends the child process. An external server keeps running.
    pub async fn stop(mut self) {
        let Some(own) = &mut self.own else { return };
        // The server closes the connection instead of responding. If it cannot be reached, it is killed
        // below.
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
        waited.unwrap_or_else(|_| Err(format!("no response within {START:?}"))).map_err(|why| {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            RedisError::Start(format!("{why}: {}", last.trim()))
        })
    }
}

fn client(address: ConnectionAddr) -> RedisResult<Client> {
    Client::open(address.into_connection_info()?)
}

/// Opens a separate connection.
pub(super) async fn connect(client: &Client) -> RedisResult<redis::aio::MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn ping(client: &Client) -> RedisResult<()> {
    redis::cmd("PING").query_async(&mut connect(client).await?).await
}

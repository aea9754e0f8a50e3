use std::io;

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// DynamoDB in this process, on a port of this machine, while this value lives. It is for tests and local
/// use: it serves anyone who reaches the port.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts an empty database in memory that serves `listener`.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        let endpoint = format!("http://{}", listener.local_addr()?);
        let database = Database::memory().map_err(io::Error::other)?;
        let server = tokio::spawn(async move {
            // It serves until it is dropped. Nobody is left to report an error to.
            let _ = serve_with_shutdown(listener, database, std::future::pending()).await;
        });
        Ok(Self { endpoint, server })
    }

    /// Returns its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

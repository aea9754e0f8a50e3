//! Stand-ins for the cloud while functions run on a developer's machine: DynamoDB by dynoxide, in this
//! process, and Upstash's REST protocol in front of a real `redis-server`. They are for development and
//! tests, and cannot be reached from outside.

mod bridge;
mod database;
mod environment;
mod redis_server;

use std::net::SocketAddr;

use latchkey::serve::{self, ListenError};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use bridge::Bridge;
pub use database::{Database, DatabaseError};
pub use environment::{Environment, EnvironmentError};
pub use redis_server::{RedisError, RedisServer};

/// Reason that an address is refused.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Other machines could reach it.
    #[error(
        "{0} can be reached from outside, where the stand-ins have no protection; choose a loopback address, \
         such as 127.0.0.1:{port}",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The socket cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Opens a socket that only this machine can reach.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, AddressError> {
    if !address.ip().is_loopback() {
        return Err(AddressError::NotLoopback(address));
    }
    Ok(serve::listen(address).await?)
}

/// Signal that tells several servers to stop.
#[derive(Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Waits until the servers are told to stop.
    pub fn asked(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.0.subscribe();
        async move {
            // An error means that the sender is gone, which is a reason to stop too.
            let _ = told.wait_for(|told| *told).await;
        }
    }

    /// Tells the servers to stop.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }
}

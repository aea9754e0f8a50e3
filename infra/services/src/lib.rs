//! What stands in for the cloud while functions run on one's own machine: DynamoDB by dynoxide, in this process, and Upstash's
//! REST protocol in front of a real `redis-server`. For development and tests; nothing here is reachable from outside.

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

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Others could reach it.
    #[error(
        "{0} can be reached from outside, and what stands in for the cloud has no protection for that: choose a loopback address, such as 127.0.0.1:{port}",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// It cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Takes a socket that only this machine reaches.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, AddressError> {
    if !address.ip().is_loopback() {
        return Err(AddressError::NotLoopback(address));
    }
    Ok(serve::listen(address).await?)
}

/// Tells several servers to stop.
#[derive(Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Ready once they are told to.
    pub fn asked(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.0.subscribe();
        async move {
            // An error says that the sender is gone, which is as good a reason.
            let _ = told.wait_for(|told| *told).await;
        }
    }

    /// Tells them.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }
}

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Error of a socket that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} ({source}): stop what listens there, or choose another address with --listen"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Opens the socket. With port 0 the system chooses a port.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Source of client connections.
pub trait Listener: Send {
    /// Socket of a client.
    type Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Returns the next client and its address.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Socket, SocketAddr)>> + Send;
}

impl Listener for TcpListener {
    type Socket = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "responses may be delayed");
        }
        Ok((stream, peer))
    }
}

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} ({source}): stop what listens there, or choose another address with --listen"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Takes the socket. With port 0 the system chooses one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Where clients come in.
pub trait Listener: Send {
    /// A client's socket.
    type Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next client and its address.
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

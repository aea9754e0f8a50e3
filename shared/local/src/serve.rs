//! The server: HTTP/1.1 on one socket, every function behind it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use latchkey_http::PeerAddress;
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests that are under way get to end when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// How often what has expired is removed from the database.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// How many items one removal takes: it holds the database's write lock meanwhile.
const SWEEP_ITEMS: u32 = 500;

/// The socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} ({source}): stop what listens there, or choose another address with --listen"
)]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Takes the socket. With port 0 the system chooses one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

/// Serves `app` until `stop` is ready, then lets requests under way end.
pub async fn serve<A>(listener: TcpListener, app: A, stop: impl Future<Output = ()>)
where
    A: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    A::Future: Send,
{
    let connections = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    tokio::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection =
            connections.watch(http.serve_connection(
                TokioIo::new(without_delay(stream)),
                service_fn(service(app.clone(), peer)),
            ));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

fn without_delay(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers may be delayed");
    }
    stream
}

/// One connection's requests, each with the address at the other end.
fn service<A: Service<Request<Incoming>> + Clone>(
    app: A,
    peer: SocketAddr,
) -> impl Fn(Request<Incoming>) -> A::Future {
    move |mut request| {
        request.extensions_mut().insert(PeerAddress(peer.ip()));
        app.clone().call(request)
    }
}

/// Ready when the process is asked to stop: Ctrl-C, or SIGTERM. It listens from this call on, not only once it is awaited.
pub fn stop_asked() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Removes what has expired, now and then. It is hidden already: this is for space.
pub async fn sweep(table: Arc<SqlTable<Sqlite>>, clock: Arc<dyn latchkey_core::port::Clock>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        match table.sweep(clock.now(), SWEEP_ITEMS).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired items were removed"),
            Err(error) => tracing::warn!(%error, "expired items could not be removed"),
        }
    }
}

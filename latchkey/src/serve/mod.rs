//! The server: HTTP/1.1 on one socket, for every function.

mod activity;
mod connection;
mod listener;
mod purge;
mod room;
mod settings;
#[cfg(test)]
mod tests;
mod watched;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use latchkey_http::Problem;
use tower::Service;

pub use listener::{ListenError, Listener, listen};
pub use purge::purge;
pub use settings::{Timeouts, connections};
pub use watched::RequestBody;

use room::Room;

/// Time that running requests have to end when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// Pause before the next attempt to accept a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Configuration of the server.
pub struct Serving {
    /// Maximum number of connections at one moment.
    pub connections: usize,
    /// Time limits for clients.
    pub timeouts: Timeouts,
    /// Returns the response to a request that does not reach the service.
    pub refuse: Box<dyn Fn(Problem) -> Response + Send + Sync>,
}

impl Serving {
    /// Creates a configuration with the defaults, and with this response to a request that does not reach the
    /// service.
    pub fn new(refuse: impl Fn(Problem) -> Response + Send + Sync + 'static) -> Self {
        Self {
            connections: settings::default_connections(),
            timeouts: Timeouts::default(),
            refuse: Box::new(refuse),
        }
    }
}

impl Default for Serving {
    /// Creates a configuration with the defaults, and with responses that have only a status.
    fn default() -> Self {
        Self::new(axum::response::IntoResponse::into_response)
    }
}

/// A service that a connection can call.
pub trait App:
    Service<Request<RequestBody>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Unpin
    + 'static
{
}

impl<A> App for A where
    A: Service<Request<RequestBody>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Unpin
        + 'static
{
}

/// Serves `app` until `stop` is ready, then lets running requests end.
pub async fn serve(
    mut listener: impl Listener,
    app: impl App,
    serving: Serving,
    stop: impl Future<Output = ()>,
) {
    let serving = Arc::new(serving);
    let room = Room::new(serving.connections);
    let accepting = async {
        let mut fails = false;
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    fails = false;
                    let place = room.place().await;
                    let (app, serving, room) = (app.clone(), Arc::clone(&serving), Arc::clone(&room));
                    tokio::spawn(connection::run(socket, peer, app, serving, room, place));
                }
                Err(error) => {
                    // Most likely there are no file descriptors left, and a connection that ends frees some.
                    // A run of failures logs one line.
                    if !std::mem::replace(&mut fails, true) {
                        tracing::warn!(%error, "a connection could not be accepted");
                    }
                    room.make_way();
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    if tokio::time::timeout(GRACE, room.close()).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

/// Returns a future that is ready when the process is told to stop, by Ctrl-C or SIGTERM. It listens from
/// this call on, even before it is awaited.
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

//! One connection: its requests one after the other, within their deadlines.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use latchkey_http::{PeerAddress, Problem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, Phase};
use super::room::{PATIENCE, Place, Room};
use super::watched::{RequestBody, ResponseBody, Watched, spelled};
use super::{App, Serving, Timeouts};

/// Time for which a refused client may continue to send before it is cut off.
const LINGER: Duration = Duration::from_secs(1);

/// End of a connection.
enum End {
    /// By the rules of HTTP, or by the client.
    Http(Result<(), hyper::Error>),
    /// The client took too long in this phase.
    Client(Phase),
}

/// Serves the requests of one client.
pub(super) async fn run(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    app: impl App,
    serving: Arc<Serving>,
    room: Arc<Room>,
    place: Place,
) {
    let activity = &place.activity;
    let requests = Requests {
        app,
        peer,
        serving: Arc::clone(&serving),
        room: Arc::clone(&room),
        activity: Arc::clone(activity),
    };
    let service = service_fn(move |request| requests.serve(request));
    let socket = TokioIo::new(Watched::new(socket, Arc::clone(activity)));
    // The server has deadlines of its own. hyper has only one for the headers, which includes the time
    // between two requests.
    let mut connection = http1::Builder::new().header_read_timeout(None).serve_connection(socket, service);
    let timer = tokio::time::sleep_until(Instant::now());
    tokio::pin!(timer);
    let end = poll_fn(|cx| {
        activity.register_task(cx.waker());
        activity.takes_turn();
        if activity.takes_stop() {
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(end) = connection.poll_without_shutdown(cx) {
            return Poll::Ready(End::Http(end));
        }
        poll_client(activity, &serving.timeouts, timer.as_mut(), cx).map(End::Client)
    })
    .await;
    let (socket, refused) = connection.into_parts().io.into_inner().into_parts();
    let problem = match end {
        End::Http(Err(error)) => {
            tracing::debug!(%error, "a connection ended early");
            refused.map(problem)
        }
        End::Client(Phase::Head) => Some(too_slow()),
        End::Http(Ok(())) | End::Client(_) => None,
    };
    let text = match problem {
        Some(problem) => spelled((serving.refuse)(problem)).await,
        // The last response is out, and its client may still be sending the body.
        None if activity.has_unread() => Vec::new(),
        None => return,
    };
    activity.farewell();
    let farewell = async {
        tokio::select! {
            // If the client has already gone, there is nothing to do.
            _ = farewell(socket, &text, &room) => {}
            () = activity.told_to_give_way() => {}
        }
    };
    let _ = tokio::time::timeout(LINGER, farewell).await;
}

/// Sends a last response, and lets the client read it: a connection that ends while its client still sends is
/// reset.
async fn farewell(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    text: &[u8],
    room: &Room,
) -> std::io::Result<()> {
    socket.write_all(text).await?;
    socket.shutdown().await?;
    let mut rest = [0; 4096];
    while !room.is_wanted() && socket.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Returns the phase in which the client took too long, or in which its connection gives way to another.
fn poll_client(
    activity: &Activity,
    timeouts: &Timeouts,
    mut timer: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<Phase> {
    let mut late = activity.takes_give_way() && activity.waits_for_client(PATIENCE).is_some();
    loop {
        let Some(deadline) = activity.deadline(timeouts) else { return Poll::Pending };
        late |= deadline <= activity.now();
        if late {
            let (phase, _) = activity.phase();
            if phase != Phase::Body {
                return Poll::Ready(phase);
            }
            // The client still gets a response from the service, which learns from the body that the rest is
            // late.
            activity.end_body();
            late = false;
            continue;
        }
        // Most requests end long before their deadline. A timer that fires early costs one check, which is
        // cheaper than a reset for each request.
        if deadline < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // This compares with the timer, because the turn began before the deadline.
        late = deadline <= timer.deadline();
    }
}

/// Handler of the requests of one connection.
struct Requests<A> {
    app: A,
    peer: SocketAddr,
    serving: Arc<Serving>,
    room: Arc<Room>,
    activity: Arc<Activity>,
}

/// The future is boxed: when the server ends a connection, hyper polls it only if the future can move.
type ResponseFuture = Pin<Box<dyn Future<Output = Result<http::Response<ResponseBody>, Infallible>> + Send>>;

impl<A: App> Requests<A> {
    fn serve(&self, mut request: Request<Incoming>) -> ResponseFuture {
        request.extensions_mut().insert(PeerAddress(self.peer.ip()));
        self.activity.request_begins(!request.body().is_end_stream());
        // It sends the body when it is told to, and reading would tell it.
        let asks_first = request.headers().contains_key(EXPECT);
        let request = request.map(|body| RequestBody::new(body, Arc::clone(&self.activity)));
        let mut app = self.app.clone();
        let (serving, room, activity) =
            (Arc::clone(&self.serving), Arc::clone(&self.room), Arc::clone(&self.activity));
        Box::pin(async move {
            // A panic affects only this request: its client gets a response, and the connection continues.
            let called = AssertUnwindSafe(async move { app.call(request).await });
            let mut response = match called.catch_unwind().await {
                Ok(Ok(response)) => response,
                Err(_) => (serving.refuse)(Problem::internal("the request made the service panic")),
            };
            // A client that was too slow already is not waited for again.
            let is_read = if asks_first || activity.body_is_late() {
                activity.unread.forget()
            } else {
                activity.unread.drain(LINGER).await
            };
            if !is_read {
                activity.leaves_unread();
            }
            if room.is_wanted() || activity.has_unread() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            activity.response_begins();
            Ok(response.map(|body| ResponseBody::new(body, activity)))
        })
    }
}

fn too_slow() -> Problem {
    Problem::from(latchkey_http::RequestTimeout)
}

/// Returns the problem of a request that hyper refuses.
fn problem(status: u16) -> Problem {
    match status {
        414 => Problem::new(
            StatusCode::URI_TOO_LONG,
            "target_too_long",
            "the request's target is too long; shorten the URL",
        ),
        431 => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "the request's headers are too large; remove cookies of this site",
        ),
        _ => Problem::invalid("the request is not valid HTTP/1.1"),
    }
}

//! One connection: its requests in turn, within their deadlines.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{CONNECTION, HeaderValue};
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

/// How long a client that was refused may go on sending before it is cut off.
const LINGER: Duration = Duration::from_secs(1);

/// The end of a connection.
enum End {
    /// By the rules of HTTP, or by the client.
    Http(Result<(), hyper::Error>),
    /// The client was waited for too long in this phase.
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
    // The deadlines are ours: hyper has one for the headers, and counts the time between two requests into it.
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
            // A client that is gone already is no concern.
            _ = farewell(socket, &text, &room) => {}
            () = activity.told_to_give_way() => {}
        }
    };
    let _ = tokio::time::timeout(LINGER, farewell).await;
}

/// Says a last word, and lets the client read it: a connection that ends while its client still sends is reset.
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

/// Ready with the phase in which the client was waited for too long, or in which it gives way to another.
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
            // The service still answers the client, which its body tells why.
            activity.end_body();
            late = false;
            continue;
        }
        // Most requests end long before their deadline. A timer that is early costs a look, one that is reset each time more.
        if deadline < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // Later than this turn began.
        late = deadline <= timer.deadline();
    }
}

/// What answers the requests of one connection.
struct Requests<A> {
    app: A,
    peer: SocketAddr,
    serving: Arc<Serving>,
    room: Arc<Room>,
    activity: Arc<Activity>,
}

/// In a box, since hyper polls a connection that ends by our own hand only where such a future can move.
type ResponseFuture = Pin<Box<dyn Future<Output = Result<http::Response<ResponseBody>, Infallible>> + Send>>;

impl<A: App> Requests<A> {
    fn serve(&self, mut request: Request<Incoming>) -> ResponseFuture {
        request.extensions_mut().insert(PeerAddress(self.peer.ip()));
        self.activity.request_begins(!request.body().is_end_stream());
        let request = request.map(|body| RequestBody::new(body, Arc::clone(&self.activity)));
        let mut app = self.app.clone();
        let (serving, room, activity) =
            (Arc::clone(&self.serving), Arc::clone(&self.room), Arc::clone(&self.activity));
        Box::pin(async move {
            // A panic is a fault of this request alone: its client gets a response, and the connection goes on.
            let called = AssertUnwindSafe(async move { app.call(request).await });
            let mut response = match called.catch_unwind().await {
                Ok(Ok(response)) => response,
                Err(_) => (serving.refuse)(Problem::internal("the request made the service panic")),
            };
            // A client that was too slow already is not waited for again.
            let patience = if activity.body_is_late() { Duration::ZERO } else { LINGER };
            let is_read = activity.unread.drain(patience).await;
            if !is_read {
                activity.leaves_unread();
            }
            if room.is_wanted() || !is_read {
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

/// The problem of a request that hyper does not take.
fn problem(status: u16) -> Problem {
    match status {
        414 => Problem::new(StatusCode::URI_TOO_LONG, "target_too_long", "the request's target is too long"),
        431 => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "the request's headers are too large; remove cookies of this site",
        ),
        _ => Problem::invalid("the request is not valid HTTP/1.1"),
    }
}

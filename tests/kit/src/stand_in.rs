//! A small HTTP server on this machine that stands in for other services, well behaved and not.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot have its server fails by a panic"
)]

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Channel, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Body = BoxBody<Bytes, io::Error>;

/// A server on a free port of the loopback address, for as long as it lives. Its routes, for any method:
///
/// | path | answer |
/// |---|---|
/// | `/echo` | the body that came; the headers that came as `echo-<name>`; `echo-method` and `echo-target` |
/// | `/status/{n}` | that status |
/// | `/redirect/{n}` | that status, and `/target` as its location |
/// | `/cookies` | three cookies |
/// | `/size/{n}` | as many bytes, announced |
/// | `/endless` | bytes without end, not announced |
/// | `/silent` | none, ever |
/// | `/stalls` | its beginning, and no more |
/// | `/breaks` | its beginning, and the connection ends |
/// | `/hangs-up` | none, and the connection ends |
/// | any other | 200 |
pub struct StandIn {
    address: SocketAddr,
    paths: Paths,
    server: JoinHandle<()>,
}

/// The path of each request that came.
type Paths = Arc<Mutex<Vec<String>>>;

impl StandIn {
    /// A running server.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let paths = Paths::default();
        let server = tokio::spawn(accept(listener, Arc::clone(&paths)));
        Self { address, paths, server }
    }

    /// The URL of `target`, a path that may have a query.
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// How many requests for `path` came.
    pub fn hits(&self, path: &str) -> usize {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.iter().filter(|hit| *hit == path).count()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, paths: Paths) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&paths)));
    }
}

async fn serve(stream: TcpStream, paths: Paths) {
    let service = service_fn(|request: Request<Incoming>| {
        paths.lock().unwrap_or_else(PoisonError::into_inner).push(request.uri().path().to_owned());
        answer(request)
    });
    // An error is what some routes are for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>) -> io::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let (route, argument) =
        path.split_once('/').map_or(("", ""), |(_, rest)| rest.split_once('/').unwrap_or((rest, "")));
    match route {
        "echo" => echo(request).await,
        "status" => Ok(with_status(argument)),
        "redirect" => {
            let mut response = with_status(argument);
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/target"));
            Ok(response)
        }
        "cookies" => {
            let mut response = full(Bytes::new());
            for cookie in ["one=1; Path=/", "two=2; Path=/; HttpOnly", "one=3; Path=/echo"] {
                response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
            }
            Ok(response)
        }
        "size" => Ok(full(vec![b'x'; argument.parse().expect("a size is a number")].into())),
        "endless" => Ok(endless()),
        "silent" => pending().await,
        "stalls" => Ok(begun(|sender| async move {
            pending::<()>().await;
            drop(sender);
        })),
        "breaks" => Ok(begun(|sender| async move { sender.abort(broken()) })),
        "hangs-up" => Err(broken()),
        _ => Ok(full(Bytes::new())),
    }
}

async fn echo(request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let mut response = full(body.collect().await.map_err(io::Error::other)?.to_bytes());
    let headers = response.headers_mut();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    for (name, value) in [("echo-method", parts.method.as_str()), ("echo-target", target)] {
        headers.insert(name, HeaderValue::from_str(value).expect("a request line holds header characters"));
    }
    for (name, value) in &parts.headers {
        let name = HeaderName::try_from(format!("echo-{name}")).expect("a name with a prefix is a name");
        headers.append(name, value.clone());
    }
    Ok(response)
}

fn with_status(number: &str) -> Response<Body> {
    let mut response = full(Bytes::from(number.to_owned()));
    *response.status_mut() = StatusCode::from_bytes(number.as_bytes()).expect("a status has three digits");
    response
}

fn full(body: Bytes) -> Response<Body> {
    Response::new(Full::new(body).map_err(|never: Infallible| match never {}).boxed())
}

fn endless() -> Response<Body> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
        // Until nobody reads any more.
        while sender.send_data(chunk.clone()).await.is_ok() {}
    });
    Response::new(body.boxed())
}

/// An answer of which only the beginning comes; `then` has the rest in its hands.
fn begun<F: Future<Output = ()> + Send + 'static>(
    then: impl FnOnce(http_body_util::channel::Sender<Bytes, io::Error>) -> F + Send + 'static,
) -> Response<Body> {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        if sender.send_data(Bytes::from_static(b"the beginning")).await.is_ok() {
            then(sender).await;
        }
    });
    Response::new(body.boxed())
}

fn broken() -> io::Error {
    io::Error::other("the test said so")
}

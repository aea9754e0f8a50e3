use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// Something that a function said.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When its request was there.
    pub at: Instant,
    /// What it said.
    pub what: What,
}

/// What a function can say to the Runtime API.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It is ready for an event.
    Next,
    /// It answers one.
    Response(Value),
    /// It could not answer one.
    Error(Value),
    /// It cannot start.
    InitError(Value),
}

/// The Runtime API (version 2018-06-01) for one function process, on a free port of the loopback address.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::UnboundedSender<String>,
    heard: mpsc::UnboundedReceiver<Heard>,
    server: JoinHandle<()>,
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    heard: mpsc::UnboundedSender<Heard>,
    number: AtomicU64,
}

impl RuntimeApi {
    /// A running one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (events, waiting) = mpsc::unbounded_channel();
        let (said, heard) = mpsc::unbounded_channel();
        let shared = Shared { events: Mutex::new(waiting), heard: said, number: AtomicU64::new(0) };
        let server = tokio::spawn(accept(listener, Arc::new(shared)));
        Self { address, events, heard, server }
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is set to.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Lets the function have this event, once it asks.
    pub fn give(&self, event: &str) {
        self.events.send(event.to_owned()).expect("the server lives as long as this");
    }

    /// What the function says next.
    pub async fn hear(&mut self) -> Heard {
        self.heard.recv().await.expect("the server lives as long as this")
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(request, &shared).await) }
            });
            // A function that ends takes its connection with it.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    #[expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]
    let at = Instant::now();
    let path = request.uri().path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default().to_owned();
    let is_post = request.method() == Method::POST;
    let segments: Vec<_> = path.split('/').collect();
    let what: fn(Value) -> What = match *segments.as_slice() {
        ["invocation", "next"] if !is_post => return next(shared, at).await,
        ["invocation", _, "response"] if is_post => What::Response,
        ["invocation", _, "error"] if is_post => What::Error,
        ["init", "error"] if is_post => What::InitError,
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let _ = shared.heard.send(Heard { at, what: what(body) });
    empty(StatusCode::ACCEPTED)
}

async fn next(shared: &Shared, at: Instant) -> Response<Full<Bytes>> {
    let _ = shared.heard.send(Heard { at, what: What::Next });
    let Some(event) = shared.events.lock().await.recv().await else { return empty(StatusCode::GONE) };
    let number = shared.number.fetch_add(1, Ordering::Relaxed);
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", format!("00000000-0000-4000-8000-{number:012}"))
        .header("lambda-runtime-deadline-ms", "4102444800000")
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:measured",
        )
        .header("lambda-runtime-trace-id", "Root=1-6740a1b2-0123456789abcdef01234567;Sampled=0")
        .body(Full::from(event))
        .expect("these headers are valid")
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

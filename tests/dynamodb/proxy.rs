//! Proxy between the SDK and the emulator. It counts requests, and fails on demand.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Fault of one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// DynamoDB responds with this status and code, and does nothing.
    Answers(u16, &'static str),
    /// A transaction is canceled for this reason, which is given for all of its writes.
    Canceled(&'static str),
    /// The connection ends before DynamoDB does anything.
    HangsUp,
    /// DynamoDB carries out the request, and the connection ends without a response.
    AnswerLost,
    /// DynamoDB carries out the request, and no response ever comes.
    Silent,
    /// DynamoDB carries out the request, and the response is unreadable.
    Garbage,
    /// DynamoDB leaves all keys of a batch unprocessed.
    Unprocessed,
    /// The request waits for the semaphore.
    Waits(Arc<Semaphore>),
}

/// One request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub operation: String,
    /// Bytes on the wire, including headers.
    pub sent: usize,
    pub received: usize,
    /// Capacity units, as the emulator calculates them.
    pub units: f64,
}

impl Exchange {
    pub fn is_write(&self) -> bool {
        matches!(self.operation.as_str(), "PutItem" | "TransactWriteItems")
    }
}

#[derive(Default)]
struct State {
    faults: Mutex<VecDeque<Option<Fault>>>,
    exchanges: Mutex<Vec<Exchange>>,
    arrived: watch::Sender<usize>,
    connections: Mutex<Vec<JoinHandle<()>>>,
}

/// A proxy on a free port of this machine, while this value lives.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of the emulator at `endpoint`.
    pub async fn start(endpoint: &str) -> Self {
        // An error means that another test was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let upstream = Upstream { client: reqwest::Client::new(), endpoint: endpoint.to_owned() };
        let server = tokio::spawn(accept(listener, Arc::clone(&state), upstream));
        Self { address, state, server }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the faults of the next requests, one each. `None` lets a request through.
    pub fn add(&self, faults: impl IntoIterator<Item = impl Into<Option<Fault>>>) {
        self.state.faults.lock().unwrap().extend(faults.into_iter().map(Into::into));
    }

    /// Removes all faults that are left.
    pub fn clear(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// Returns the exchanges since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.state.exchanges.lock().unwrap())
    }

    /// Returns the operations of the exchanges since the last call.
    pub fn operations(&self) -> Vec<String> {
        self.take().into_iter().map(|exchange| exchange.operation).collect()
    }

    /// Waits until this number of requests has arrived since the start.
    pub async fn arrivals(&self, count: usize) {
        self.state.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    pub fn arrived(&self) -> usize {
        *self.state.arrived.borrow()
    }

    /// Ends every connection, as a server does with idle ones.
    pub async fn disconnect(&self) {
        let connections = std::mem::take(&mut *self.state.connections.lock().unwrap());
        for connection in connections {
            connection.abort();
            let _ = connection.await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Upstream {
    client: reqwest::Client,
    endpoint: String,
}

async fn accept(listener: TcpListener, state: Arc<State>, upstream: Upstream) {
    while let Ok((stream, _)) = listener.accept().await {
        let connection = tokio::spawn(serve(stream, Arc::clone(&state), upstream.clone()));
        state.connections.lock().unwrap().push(connection);
    }
}

async fn serve(stream: TcpStream, state: Arc<State>, upstream: Upstream) {
    let service = service_fn(|request| answer(request, Arc::clone(&state), upstream.clone()));
    // Some faults cause an error on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    upstream: Upstream,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let target = parts.headers["x-amz-target"].to_str().unwrap().to_owned();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let sent = "POST / HTTP/1.1\r\n\r\n".len() + size(&parts.headers) + body.len();
    let fault = state.faults.lock().unwrap().pop_front().flatten();
    let exchange = Exchange { operation, sent, received: 0, units: 0.0 };
    state.exchanges.lock().unwrap().push(exchange.clone());
    state.arrived.send_modify(|arrived| *arrived += 1);
    let asked: Value = serde_json::from_slice(&body).unwrap();
    match fault {
        Some(Fault::Answers(status, code)) => return Ok(error(status, code, json!({}))),
        Some(Fault::Canceled(code)) => {
            let count = asked["TransactItems"].as_array().unwrap().len();
            let reasons = vec![json!({"Code": code, "Message": "the test said so"}); count];
            return Ok(error(400, "TransactionCanceledException", json!({"CancellationReasons": reasons})));
        }
        Some(Fault::HangsUp) => return Err(io::Error::other("the test said so")),
        Some(Fault::Unprocessed) => {
            let answer = json!({"Responses": {}, "UnprocessedKeys": asked["RequestItems"]});
            return Ok(Response::new(answer.to_string().into()));
        }
        Some(Fault::Waits(ref gate)) => gate.acquire().await.unwrap().forget(),
        _ => {}
    }
    let (answer, units) = upstream.forward(&target, &parts.headers, asked).await;
    match fault {
        Some(Fault::AnswerLost) => return Err(io::Error::other("the test said so")),
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Garbage) => return Ok(Response::new("<html>It works!</html>".into())),
        _ => {}
    }
    let received = "HTTP/1.1 200 OK\r\n\r\n".len() + size(answer.headers()) + answer.body().len();
    let mut exchanges = state.exchanges.lock().unwrap();
    // The entry is missing if a test has taken it in the meantime.
    if let Some(last) =
        exchanges.iter_mut().rev().find(|it| it.operation == exchange.operation && it.received == 0)
    {
        (last.received, last.units) = (received, units);
    }
    drop(exchanges);
    Ok(answer.map(Full::from))
}

impl Upstream {
    /// Returns the emulator's response without the consumed capacity, and that capacity.
    async fn forward(&self, target: &str, headers: &HeaderMap, mut asked: Value) -> (Response<Bytes>, f64) {
        asked["ReturnConsumedCapacity"] = "TOTAL".into();
        let request = self
            .client
            .post(&self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", headers["x-amz-date"].clone())
            .header("authorization", headers["authorization"].clone())
            .body(asked.to_string());
        let answer = request.send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let mut body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let capacity = body.as_object_mut().unwrap().remove("ConsumedCapacity").unwrap_or_default();
        let capacity = match capacity {
            Value::Array(tables) => tables,
            one => vec![one],
        };
        let units = capacity.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
        let body = Bytes::from(body.to_string());
        headers.remove("content-length");
        headers.remove("x-amz-crc32");
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        (response, units)
    }
}

fn error(status: u16, code: &str, mut members: Value) -> Response<Full<Bytes>> {
    members["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    members["message"] = "the test said so".into();
    Response::builder().status(status).body(members.to_string().into()).unwrap()
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

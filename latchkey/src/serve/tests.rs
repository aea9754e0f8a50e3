//! The server over pipes, with a clock that advances by itself when all tasks wait.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tower::Service;

use super::{Listener, RequestBody, Serving, Timeouts, serve};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const HALF: &[u8] = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf";

/// Clients that arrive by a channel, and failures to accept one.
struct Door(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Listener for Door {
    type Socket = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(came) => came.map(|socket| (socket, (Ipv4Addr::LOCALHOST, 1).into())),
            None => std::future::pending().await,
        }
    }
}

/// A service that reads the body, except for `/refused`. `/slow` takes a minute, `/panic` panics, `/long` has a response of a
/// megabyte.
#[derive(Clone)]
struct App;

impl Service<Request<RequestBody>> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if path == "/refused" {
                return Ok("refused".into_response());
            }
            let Ok(_) = AxumBody::new(request.into_body()).collect().await else {
                return Ok(StatusCode::REQUEST_TIMEOUT.into_response());
            };
            Ok(match path.as_str() {
                "/panic" => panic!("as asked"),
                "/slow" => {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                    "slow".into_response()
                }
                "/long" => vec![b'x'; 1 << 20].into_response(),
                _ => "done".into_response(),
            })
        })
    }
}

struct Server {
    door: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<()>,
}

impl Server {
    fn start(connections: usize) -> Self {
        let (door, clients) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let refuse = |problem: latchkey_http::Problem| {
            Response::builder().status(problem.status()).body(problem.code().into()).unwrap()
        };
        let serving = Serving { connections, timeouts: Timeouts::default(), refuse: Box::new(refuse) };
        let ended = tokio::spawn(serve(Door(clients), App, serving, async {
            let _ = stopped.await;
        }));
        Self { door, stop: Some(stop), ended }
    }

    fn connect(&self) -> Client {
        let (socket, other) = tokio::io::duplex(1024);
        self.door.send(Ok(other)).unwrap();
        Client(socket)
    }
}

struct Client(DuplexStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends one byte a second until the server ends the connection.
    async fn trickle(&mut self, bytes: &[u8]) {
        for byte in bytes {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.0.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    }

    /// Reads up to and including `last`.
    async fn until(&mut self, last: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(last.as_bytes()) {
            text.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    /// Returns everything until the server ends the connection, and the time that it took.
    async fn rest(&mut self) -> (String, Duration) {
        let begin = Instant::now();
        let mut text = String::new();
        self.0.read_to_string(&mut text).await.unwrap();
        (text, begin.elapsed())
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn about(took: Duration, secs: u64) -> bool {
    (secs * 1000..secs * 1000 + 1500).contains(&u64::try_from(took.as_millis()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_sent_away_without_a_word() {
    let server = Server::start(4);
    let (text, took) = server.connect().rest().await;
    assert_eq!(text, "");
    assert!(about(took, 10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_that_take_too_long_are_answered_408() {
    let server = Server::start(4);
    let mut client = server.connect();
    let begin = Instant::now();
    client.trickle(GET).await;
    let (text, _) = client.rest().await;
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
    assert!(text.contains("connection: close\r\n") && text.ends_with("\r\n\r\nrequest_timeout"), "{text}");
    assert!(about(begin.elapsed(), 11), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_answered_408() {
    let server = Server::start(4);
    let mut client = server.connect();
    let begin = Instant::now();
    client.send(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n").await;
    client.trickle(&[b'x'; 100]).await;
    let (text, _) = client.rest().await;
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
    // And it may read the response for a second.
    assert!(about(begin.elapsed(), 32), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_before_its_body_arrives_keeps_its_connection() {
    let server = Server::start(4);
    let mut client = server.connect();
    client.send(b"POST /refused HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n").await;
    client.send(b"body").await;
    let text = client.until("refused").await;
    assert!(!text.contains("connection: close"), "{text}");
    client.send(GET).await;
    client.until("done").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_sends_its_body_is_refused_all_the_same() {
    let server = Server::start(4);
    let mut client = server.connect();
    client.send(b"POST /refused HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n").await;
    let (text, took) = client.rest().await;
    assert!(text.contains("connection: close\r\n") && text.ends_with("refused"), "{text}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_still_sends_a_large_body_can_read_its_refusal() {
    let server = Server::start(4);
    let mut client = server.connect();
    let length = 1 << 20;
    let head = format!("POST /refused HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    client.send(head.as_bytes()).await;
    client.send(&vec![b'x'; length]).await;
    let (text, _) = client.rest().await;
    assert!(text.contains("connection: close\r\n") && text.ends_with("refused"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_be_idle_for_longer_than_proxies_keep_theirs() {
    let server = Server::start(4);
    let mut client = server.connect();
    for pause in [9, 10, 11, 60, 75, 90, 120] {
        client.send(GET).await;
        let text = client.until("done").await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && !text.contains("close"), "{text}");
        tokio::time::sleep(secs(pause)).await;
    }
    let (text, took) = client.rest().await;
    assert_eq!(text, "");
    assert!(about(took, 5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn each_request_of_a_connection_has_the_whole_time_for_its_headers() {
    let server = Server::start(4);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.1\r\n").await;
        tokio::time::sleep(secs(9)).await;
        client.send(b"host: localhost\r\n\r\n").await;
        client.until("done").await;
        tokio::time::sleep(secs(100)).await;
    }
    client.send(b"GET / HTTP/1.1\r\n").await;
    let (text, took) = client.rest().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(about(took, 10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_may_take_longer_than_any_client() {
    let server = Server::start(1);
    let mut client = server.connect();
    client.send(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut other = server.connect();
    other.send(GET).await;
    assert!(client.until("slow").await.contains("connection: close\r\n"), "somebody waits");
    other.until("done").await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_nobody_takes_is_given_up() {
    let server = Server::start(4);
    let mut client = server.connect();
    client.send(b"GET /long HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    tokio::time::sleep(secs(31)).await;
    let (text, _) = client.rest().await;
    assert!(text.len() < 1 << 20, "{}", text.len());
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_was_idle_longest_gives_way() {
    let server = Server::start(3);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for order in [1, 0, 2] {
        clients[order].send(GET).await;
        clients[order].until("done").await;
        tokio::time::sleep(secs(1)).await;
    }
    let mut next = server.connect();
    next.send(GET).await;
    next.until("done").await;
    assert_eq!(clients[1].rest().await.0, "");
    for order in [0, 2] {
        clients[order].send(GET).await;
        clients[order].until("done").await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_send_slowly_give_way_and_hear_why() {
    let server = Server::start(8);
    let mut slow: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for (client, number) in slow.iter_mut().zip(0..) {
        let part = if number % 2 == 0 { HALF } else { b"GET / HT" };
        client.send(part).await;
    }
    let begin = Instant::now();
    let mut honest = server.connect();
    honest.send(GET).await;
    honest.until("done").await;
    assert!(begin.elapsed() < secs(10), "{:?}", begin.elapsed());
    let (text, _) = slow[0].rest().await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("connection: close\r\n"), "{text}");
    let (text, _) = slow[1].rest().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn more_clients_than_places_are_served_in_their_order() {
    let server = Server::start(2);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(GET).await;
    }
    for client in &mut clients {
        client.until("done").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_accept_is_tried_again() {
    let server = Server::start(2);
    for _ in 0..10 {
        server.door.send(Err(io::Error::from_raw_os_error(24))).unwrap();
    }
    let mut client = server.connect();
    client.send(GET).await;
    client.until("done").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_response_and_nothing_else() {
    let server = Server::start(2);
    let (mut client, mut other) = (server.connect(), server.connect());
    other.send(HALF).await;
    client.send(b"GET /panic HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let text = client.until("internal").await;
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    client.send(GET).await;
    client.until("done").await;
    other.send(b" done").await;
    other.until("done").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_refused_with_a_problem() {
    let server = Server::start(2);
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(1 << 16));
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    for (sent, status, code) in [
        (b"GET / HTTP/1.1\r\nhost: local\0host\r\n\r\n".to_vec(), 400, "invalid_request"),
        (b"hello\r\n\r\n".to_vec(), 400, "invalid_request"),
        (long.into_bytes(), 414, "target_too_long"),
        (large.into_bytes(), 431, "headers_too_large"),
    ] {
        let (mut read, mut write) = tokio::io::split(server.connect().0);
        let sending = tokio::spawn(async move {
            let _ = write.write_all(&sent).await;
            write
        });
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")) && text.ends_with(code), "{text}");
        drop(sending.await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_lets_requests_end_and_waits_for_nobody_idle() {
    let mut server = Server::start(4);
    let (mut idle, mut busy) = (server.connect(), server.connect());
    idle.send(GET).await;
    idle.until("done").await;
    busy.send(HALF).await;
    tokio::time::sleep(secs(1)).await;
    server.stop.take().unwrap().send(()).unwrap();
    assert_eq!(idle.rest().await.0, "");
    busy.send(b" done").await;
    assert!(busy.until("done").await.contains("connection: close\r\n"));
    server.ended.await.unwrap();
}

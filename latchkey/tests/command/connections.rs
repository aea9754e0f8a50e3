//! Many, slow or silent clients: a server under a low limit stays up and serves.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::http;
use crate::process::Home;

/// A request whose body never ends.
const UNFINISHED: &[u8] =
    b"POST /v1/signin HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
    content-length: 60000\r\n\r\n{";

#[test]
fn a_log_that_cannot_be_written_costs_nobody_a_response() {
    let home = Home::new().with("LATCHKEY_LOG", "trace");
    let server = home.serve_by("exec \"$0\" serve 2>/dev/full");
    let wrong = json!({ "email": "nobody@example.com", "password": "wrong and long enough" });
    for _ in 0..3 {
        let answer = http::post(&format!("{}/v1/signin", server.url), None, &wrong);
        assert_eq!((answer.status, &answer.body["code"]), (401, &"invalid_credentials".into()));
    }
    let (status, _) = server.stop("TERM");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_client_is_served_however_many_are_slow() {
    let home = Home::new().with("LATCHKEY_LOG", "info");
    let server = home.serve_by("ulimit -n 64; exec \"$0\" serve 2>/dev/full");
    let slow: Vec<_> = (0..80)
        .map(|_| {
            let mut client = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
            // The server may have closed the connection by now.
            let _ = client.write_all(UNFINISHED);
            client
        })
        .collect();
    let health = http::get(&format!("{}/health", server.url), None);
    assert_eq!((health.status, health.body["status"].as_str()), (200, Some("ok")));
    let mut told = String::new();
    let mut first = slow.into_iter().next().unwrap();
    first.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("\"code\":\"request_timeout\""), "{told}");
    let (status, _) = server.stop("TERM");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn more_descriptors_than_there_are_do_not_end_the_server() {
    let home = Home::new().with("LATCHKEY_CONNECTIONS", "30");
    // The other needs of the process leave fewer descriptors than that.
    let server = home.serve_by("ulimit -n 62; exec \"$0\" serve 2>/dev/full");
    let idle: Vec<_> = (0..80).map(|_| TcpStream::connect(("127.0.0.1", server.port())).unwrap()).collect();
    for _ in 0..3 {
        assert_eq!(http::get(&format!("{}/health", server.url), None).status, 200);
    }
    drop(idle);
    let (status, _) = server.stop("TERM");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_bound_that_the_system_cannot_keep_stops_the_start() {
    Home::new()
        .with("LATCHKEY_CONNECTIONS", "100000000")
        .run(&[])
        .refused(&["LATCHKEY_CONNECTIONS: ", "ulimit -n"]);
    Home::new().with("LATCHKEY_IDLE_TIMEOUT", "soon").run(&[]).refused(&["LATCHKEY_IDLE_TIMEOUT: ", "125s"]);
}

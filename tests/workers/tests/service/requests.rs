use std::io::Write;
use std::net::TcpStream;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use latchkey_core::port::Fetch;
use serde_json::{Value, json};

use crate::support::{LONG, PASSWORD, Service, fresh};

#[tokio::test]
async fn a_revocation_shows_at_once_where_it_is_asked_for() {
    let service = Service::new();
    let begun = service.sign_up(&fresh("revoked")).await;
    let token = begun.text("access_token").to_owned();
    assert_eq!(service.check(&token, false).await.status, StatusCode::OK);
    let bearer = format!("Bearer {token}");
    let out = service.send(Method::POST, "/v1/signout", &[("authorization", &bearer)], &Value::Null).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let after = service.check(&token, true).await;
    assert_eq!((after.status, after.text("code")), (StatusCode::UNAUTHORIZED, "session_ended"));
}

#[tokio::test]
async fn three_cookies_arrive_as_three() {
    let service = Service::new();
    let answer = service.post("/v1/signup", json!({ "email": fresh("cookies"), "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let cookies: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
}

#[tokio::test]
async fn an_address_that_is_too_long_is_answered_as_any_problem_is() {
    let service = Service::new();
    // The client's crate takes no such address either.
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(66_000));
    service.by_hand(&request).assert_problem(StatusCode::BAD_REQUEST, "invalid_request");
}

/// The head of a sign-in, for a body that is sent in this way.
fn sign_in_with(framing: &str) -> String {
    format!(
        "POST /v1/signin HTTP/1.1\r\nHost: a\r\nCF-Connecting-IP: 192.0.2.1\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_piece_by_piece_up_to_the_limit() {
    let service = Service::new();
    let head = sign_in_with("Transfer-Encoding: chunked");
    let body = json!({ "email": fresh("nobody"), "password": PASSWORD }).to_string();
    let (one, two) = body.split_at(9);
    let pieces = format!("{head}9\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", two.len());
    service.by_hand(&pieces).assert_problem(StatusCode::UNAUTHORIZED, "invalid_credentials");
    let spaces = format!("{head}10001\r\n{}\r\n0\r\n\r\n", " ".repeat(64 * 1024 + 1));
    service.by_hand(&spaces).assert_problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
}

#[tokio::test]
async fn a_body_that_breaks_off_harms_nothing() {
    let service = Service::new();
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut connection = TcpStream::connect(service.authority()).unwrap();
        connection.write_all(format!("{}2\r\n{{\"", sign_in_with(framing)).as_bytes()).unwrap();
        drop(connection);
        assert_eq!(service.get("/health").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_header_that_is_not_ascii_harms_nothing() {
    let service = Service::new();
    let request = Request::get(format!("{}/health", service.url));
    let odd = HeaderValue::from_bytes(b"caf\xe9 \xff").unwrap();
    let request = request.header(header::USER_AGENT, odd).body(Bytes::new()).unwrap();
    assert_eq!(service.client.fetch(request, LONG).await.unwrap().status(), StatusCode::OK);
}

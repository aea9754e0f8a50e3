//! What every [`Fetch`] must do, against a server on this machine.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use latchkey_core::port::{Fetch, FetchError, MAX_BODY};
use tokio::net::TcpListener;

use crate::stand_in::StandIn;

/// Makes a `#[tokio::test]` of each rule. Takes an expression that gives a future of an `Arc<dyn Fetch>`; the crate that
/// calls it needs `latchkey-core`, and `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! fetch_conformance {
    ($new:expr) => {
        $crate::fetch_conformance!(
            @rules $new;
            a_request_arrives_as_it_is
            bodies_arrive_byte_for_byte
            repeated_headers_keep_all_their_values
            every_status_is_an_answer
            a_redirect_is_not_followed
            no_cookie_is_kept
            the_largest_body_is_read_and_one_byte_more_refused
            a_body_without_end_is_cut_off
            the_deadline_covers_the_whole_exchange
            a_broken_connection_is_an_error_and_nothing_is_sent_twice
            a_refused_connection_is_an_error_that_keeps_the_query_to_itself
            what_cannot_be_sent_is_an_error
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let fetch: std::sync::Arc<dyn ::latchkey_core::port::Fetch> = $new.await;
                $crate::conformance::fetch::$rule(&fetch).await;
            }
        )*
    };
}

/// Far longer than anything here takes, so that only a hanging adapter meets it.
const LONG: Duration = Duration::from_mins(1);

fn get(uri: &str) -> Request<Bytes> {
    request(Method::GET, uri, Bytes::new())
}

fn request(method: Method, uri: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::builder().method(method).uri(uri).body(body.into()).expect("the request is valid")
}

/// A GET goes without: not every platform sends one that has a body (RFC 9110, section 9.3.1).
fn body(method: &Method, text: &'static str) -> &'static str {
    if method == Method::GET { "" } else { text }
}

async fn fetched(fetch: &Arc<dyn Fetch>, request: Request<Bytes>) -> Response<Bytes> {
    fetch.fetch(request, LONG).await.expect("the server answers")
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

/// Method, path, query and headers, to the letter.
pub async fn a_request_arrives_as_it_is(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let target = "/echo/a%20b%2Fc?x=1&y=%C3%A9+z&empty=";
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let mut sent = request(method.clone(), &server.url(target), Bytes::new());
        let odd = HeaderValue::from_static("Basic abc==; q=\"a, b\"\tc");
        sent.headers_mut().insert("authorization", odd.clone());
        let response = fetched(fetch, sent).await;
        let headers = response.headers();
        assert_eq!(values(headers, "echo-method"), [method.as_str().as_bytes()]);
        assert_eq!(values(headers, "echo-target"), [target.as_bytes()]);
        assert_eq!(values(headers, "echo-authorization"), [odd.as_bytes()]);
        assert!(response.body().is_empty());
    }
}

/// Both ways: none, one, every byte there is, and many.
pub async fn bodies_arrive_byte_for_byte(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for body in
        [vec![], vec![0], b"{\"a\":\"\xc3\xa9\"}\r\n".to_vec(), every_byte.clone(), every_byte.repeat(2000)]
    {
        let sent = request(Method::POST, &server.url("/echo"), body.clone());
        assert!(fetched(fetch, sent).await.body() == &body, "of {} bytes", body.len());
    }
}

/// Both ways, in their order; cookies each apart, others perhaps in one (RFC 9110, section 5.3).
pub async fn repeated_headers_keep_all_their_values(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let mut sent = get(&server.url("/echo"));
    for value in ["one", "two, three", "one"] {
        sent.headers_mut().append("x-many", HeaderValue::from_static(value));
    }
    let response = fetched(fetch, sent).await;
    assert_eq!(values(response.headers(), "echo-x-many").join(&b", "[..]), b"one, two, three, one");

    let response = fetched(fetch, get(&server.url("/cookies"))).await;
    let cookies = [&b"one=1; Path=/"[..], b"two=2; Path=/; HttpOnly", b"one=3; Path=/echo"];
    assert_eq!(values(response.headers(), SET_COOKIE.as_str()), cookies);
}

/// No status is an error, and errors have their bodies.
pub async fn every_status_is_an_answer(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    for status in [200, 201, 204, 206, 299, 304, 400, 401, 403, 404, 418, 429, 499, 500, 502, 503, 599] {
        let response = fetched(fetch, get(&server.url(&format!("/status/{status}")))).await;
        assert_eq!(response.status().as_u16(), status);
        let body = if matches!(status, 204 | 304) { String::new() } else { status.to_string() };
        assert_eq!(response.body(), body.as_bytes(), "{status}");
    }
}

/// Whatever the method: the answer is the redirect, and its target is never asked.
pub async fn a_redirect_is_not_followed(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    for status in [301, 302, 303, 307, 308] {
        for method in [Method::GET, Method::POST] {
            let uri = server.url(&format!("/redirect/{status}"));
            let response =
                fetched(fetch, request(method.clone(), &uri, body(&method, "client_secret=s"))).await;
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(values(response.headers(), LOCATION.as_str()), [b"/target"]);
        }
    }
    assert_eq!(server.hits("/target"), 0);
}

/// A cookie that one answer set is not sent with the next request.
pub async fn no_cookie_is_kept(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    fetched(fetch, get(&server.url("/cookies"))).await;
    let response = fetched(fetch, get(&server.url("/echo"))).await;
    assert!(!response.headers().contains_key(format!("echo-{COOKIE}")));
}

/// The limit is exact for a body whose size is announced.
pub async fn the_largest_body_is_read_and_one_byte_more_refused(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let sized = |size: usize| get(&server.url(&format!("/size/{size}")));
    assert_eq!(fetched(fetch, sized(MAX_BODY)).await.body().len(), MAX_BODY);
    for size in [MAX_BODY + 1, 2 * MAX_BODY] {
        let answer = fetch.fetch(sized(size), LONG).await;
        assert!(matches!(answer, Err(FetchError::TooLarge)), "{size}: {:?}", answer.map(|_| "an answer"));
    }
}

/// A body that does not say how long it is, and has no end, is given up at the limit.
pub async fn a_body_without_end_is_cut_off(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let answer = fetch.fetch(get(&server.url("/endless")), LONG).await;
    assert!(matches!(answer, Err(FetchError::TooLarge)), "{:?}", answer.map(|_| "an answer"));
}

/// A server that never answers, and one that never ends its answer, are given up in time; the next request goes well.
pub async fn the_deadline_covers_the_whole_exchange(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    let deadline = Duration::from_millis(50);
    for path in ["/silent", "/stalls"] {
        let answer = tokio::time::timeout(LONG, fetch.fetch(get(&server.url(path)), deadline)).await;
        let answer = answer.expect("the deadline is kept");
        assert!(matches!(answer, Err(FetchError::Timeout(kept)) if kept == deadline), "{path}: {answer:?}");
    }
    assert_eq!(fetched(fetch, get(&server.url("/echo"))).await.status(), 200);
}

/// Half an answer is none; and since the server may have acted on the request, it is not sent again, on a connection
/// that was used before neither.
pub async fn a_broken_connection_is_an_error_and_nothing_is_sent_twice(fetch: &Arc<dyn Fetch>) {
    let server = StandIn::start().await;
    for path in ["/breaks", "/hangs-up"] {
        for method in [Method::GET, Method::POST] {
            fetched(fetch, get(&server.url("/echo"))).await;
            let before = server.hits(path);
            let sent = request(method.clone(), &server.url(path), body(&method, "code=c"));
            let answer = fetch.fetch(sent, LONG).await;
            assert!(matches!(answer, Err(FetchError::Connection(_))), "{path}: {answer:?}");
            assert_eq!(server.hits(path) - before, 1, "{path}");
        }
    }
}

/// Where nobody listens. The error can be logged: it does not hold the query, where codes and tokens are.
pub async fn a_refused_connection_is_an_error_that_keeps_the_query_to_itself(fetch: &Arc<dyn Fetch>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    drop(listener);
    let answer = fetch.fetch(get(&format!("http://{address}/token?code=confidential")), LONG).await;
    let error = answer.expect_err("nobody listens");
    assert!(matches!(error, FetchError::Connection(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("confidential"), "{error:?}");
}

/// A URI without a host, or of another scheme.
pub async fn what_cannot_be_sent_is_an_error(fetch: &Arc<dyn Fetch>) {
    for uri in ["/relative?code=confidential", "ftp://127.0.0.1/file?code=confidential"] {
        let error = fetch.fetch(get(uri), LONG).await.expect_err("it cannot be sent");
        assert!(matches!(error, FetchError::Connection(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("confidential"), "{error:?}");
    }
}

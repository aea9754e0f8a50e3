//! The service as the tests see it: what they ask, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use latchkey_core::port::Fetch;
use latchkey_harness::raw;
use latchkey_native::HttpFetch;
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "seven green boats at noon";
pub(crate) const LONG: Duration = Duration::from_mins(3);

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) client: Arc<HttpFetch>,
    pub(crate) url: String,
    /// The client's, as Cloudflare tells it to a Worker.
    pub(crate) address: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {member} in {} {}", self.status, self.body))
    }

    /// Asserts that this is the problem `code` as every problem is told: with the headers of every answer, an identifier,
    /// and nothing from within.
    pub(crate) fn assert_problem(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.text("code")), (status, code));
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-request-id", self.text("request_id")),
        ] {
            let told: Vec<_> = self.headers.get_all(name).iter().collect();
            assert_eq!(told, [value], "{name}");
        }
        let policy = self.headers.get(header::CONTENT_SECURITY_POLICY).unwrap();
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"), "{policy:?}");
        assert!(!self.text("request_id").is_empty());
        let again = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        assert_eq!(self.headers.contains_key(header::RETRY_AFTER), again.contains(&self.status));
        let text = self.body.to_string();
        for inner in ["DB", "CACHE", "LATCHKEY", "binding", "D1", "KV", "table", "UPSTASH", "Error:"] {
            assert!(!text.contains(inner), "{text}");
        }
    }
}

impl Service {
    pub(crate) fn new() -> Self {
        let url =
            std::env::var("LATCHKEY_WORKER_URL").unwrap_or_else(|_| panic!("run this by tests/workers/run"));
        Self { client: Arc::new(HttpFetch::new()), url, address: "192.0.2.1".to_owned() }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header("cf-connecting-ip", &self.address);
        // workerd ends connections that are idle for 5 s, at times just when the next request is on its way.
        request = request.header(header::CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Bytes::new()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            serde_json::to_vec(body).unwrap().into()
        };
        let response = self.client.fetch(request.body(body).unwrap(), LONG).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request as it is written, on a connection of its own, and reads the answer.
    pub(crate) fn by_hand(&self, request: &str) -> Answer {
        let answer = raw::exchange(self.authority(), request.as_bytes(), b"", "a request by hand").unwrap();
        Answer {
            status: answer.status.try_into().unwrap(),
            headers: answer.headers,
            body: serde_json::from_slice(&answer.body).unwrap(),
        }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], &body).await
    }

    pub(crate) async fn sign_up(&self, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD, "transport": "bearer" });
        self.post("/v1/signup", body).await
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Answer {
        self.post("/v1/signin", json!({ "email": email, "password": PASSWORD })).await
    }

    pub(crate) async fn check(&self, token: &str, fresh: bool) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = json!({ "permission": "products:read", "fresh": fresh });
        self.send(Method::POST, "/v1/permissions/check", &[("authorization", &bearer)], &body).await
    }
}

/// How many requests workerd is sent at one moment, each on a connection of its own. With 200 on a busy machine it ends some
/// of the connections before it has looked at them.
pub(crate) const AT_ONCE: usize = 100;

/// Runs them at once.
pub(crate) async fn together<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// An address that no other test and no other run uses.
pub(crate) fn fresh(name: &str) -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{name}-{:016x}@example.com", RandomState::new().hash_one(name))
}

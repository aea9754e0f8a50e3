use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use latchkey_core::Timestamp;
use latchkey_core::port::{Fetch, StoreError};
use serde_json::Value;

use crate::failure::Failure;
use crate::{Breaker, UpstashSettings};

/// Time limit of one request. A count must be decided within 250 ms, with or without Redis.
pub const DEADLINE: Duration = Duration::from_millis(240);

/// Client that sends one Redis command in one HTTP request.
#[derive(Clone)]
pub(crate) struct Client {
    settings: UpstashSettings,
    fetch: Arc<dyn Fetch>,
    breaker: Arc<Breaker>,
}

impl Client {
    pub fn new(settings: UpstashSettings, fetch: Arc<dyn Fetch>, breaker: Arc<Breaker>) -> Self {
        Self { settings, fetch, breaker }
    }

    /// Returns a key of this deployment.
    pub fn key(&self, kind: &str, key: &str) -> String {
        self.settings.key(kind, key)
    }

    /// Runs `command` and reads its result. A result that `read` does not understand is a failure too. After
    /// an error it is unknown whether the command was run.
    pub async fn run<T>(
        &self,
        command: &[&str],
        now: Option<Timestamp>,
        read: impl FnOnce(&Value) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        if let Err(open) = self.breaker.admit(now) {
            let why =
                format!("Upstash is not called for a few seconds, because it failed before: {}", open.why);
            return Err(StoreError::Unavailable(why));
        }
        let failure = match self.exchange(command).await.and_then(|result| read(&result)) {
            Ok(result) => {
                self.breaker.succeeded();
                return Ok(result);
            }
            Err(failure) => failure,
        };
        // The text can contain the token only if a server between here and Upstash sent it back.
        let why = self.settings.without_token(&failure.to_string());
        if self.breaker.failed(&why) {
            tracing::warn!(
                why,
                "Upstash failed several times in a row, and is now called once every few seconds"
            );
        }
        Err(StoreError::Unavailable(format!("Upstash: {why}")))
    }

    async fn exchange(&self, command: &[&str]) -> Result<Value, Failure> {
        let answer = self.fetch.fetch(self.request(command), DEADLINE).await.map_err(Failure::NoAnswer)?;
        result(&answer)
    }

    fn request(&self, command: &[&str]) -> Request<Bytes> {
        let body: Value = command.iter().copied().collect();
        let mut request = Request::new(Bytes::from(body.to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.uri();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.settings.authorization());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }
}

/// Reads `{"result":…}` with status 200, or `{"error":"…"}` with any status. Any other response is a failure.
fn result(answer: &Response<Bytes>) -> Result<Value, Failure> {
    let status = answer.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(Failure::WrongToken);
    }
    let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body()) else {
        return Err(if status == StatusCode::OK {
            Failure::Garbage
        } else {
            Failure::Status(status.as_u16())
        });
    };
    match (body.remove("result"), body.remove("error")) {
        (None, Some(Value::String(error))) if body.is_empty() => Err(Failure::redis(&error)),
        (Some(result), None) if body.is_empty() && status == StatusCode::OK => Ok(result),
        _ if status == StatusCode::OK => Err(Failure::Garbage),
        _ => Err(Failure::Status(status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> String {
        let answer = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        match result(&answer) {
            Ok(result) => format!("result {result}"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_result_is_an_object_with_nothing_else() {
        assert_eq!(told(200, r#"{"result":[1,"a",null]}"#), r#"result [1,"a",null]"#);
        assert_eq!(told(200, r#"{"result":null}"#), "result null");
        for garbage in [
            "",
            "null",
            "[]",
            "{}",
            "<html></html>",
            "\u{feff}{}",
            r#"{"result":1"#,
            r#"{"result":1} x"#,
            r#"{"result":1,"error":"x"}"#,
            r#"{"result":1,"more":2}"#,
            r#"{"error":{"message":"x"}}"#,
            r#"[{"result":1}]"#,
        ] {
            assert!(told(200, garbage).starts_with("its response is not Upstash's"), "{garbage}");
            assert!(told(502, garbage).starts_with("it responds with status 502"), "{garbage}");
        }
        for status in [201, 204, 301, 404, 500] {
            assert!(told(status, r#"{"result":1}"#).starts_with("it responds with status "), "{status}");
        }
    }

    #[test]
    fn an_error_says_its_fix() {
        assert_eq!(told(400, r#"{"error":"ERR syntax error"}"#), "it refuses the command: ERR syntax error");
        assert_eq!(told(500, r#"{"error":"ERR down"}"#), "it refuses the command: ERR down");
        let wrong = "it refuses the token: set UPSTASH_REDIS_REST_TOKEN to the REST token of this database";
        for (status, body) in [(401, ""), (401, r#"{"error":"WRONGPASS x"}"#), (403, "<html>")] {
            assert_eq!(told(status, body), wrong);
        }
        assert_eq!(told(400, r#"{"error":"WRONGPASS invalid or missing auth token"}"#), wrong);
        assert!(told(400, r#"{"error":"NOPERM no"}"#).ends_with("not the read-only one"));
        let long = format!(r#"{{"error":"ERR\r\n\u001b {}"}}"#, "x".repeat(10_000));
        let told = told(400, &long);
        assert!(told.len() < 300 && !told.contains(char::is_control), "{told}");
    }
}

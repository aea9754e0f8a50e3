//! Upstash's REST protocol in front of a Redis: <https://upstash.com/docs/redis/features/restapi>.

mod answer;
mod command;
mod link;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use answer::Encoding;
use command::Command;
use link::Link;

/// Maximum size of a request, in bytes, as at Upstash.
const MAX_REQUEST: usize = 10 * 1024 * 1024;

/// The endpoint. It serves everyone who has the token.
pub struct Bridge {
    link: Link,
    token: String,
}

impl Bridge {
    /// Creates a bridge to the Redis that `client` reaches.
    pub fn new(client: redis::Client, token: String) -> Self {
        Self { link: Link::new(client), token }
    }

    /// Returns its routes. A path is a command, so a single fallback serves all paths.
    pub fn routes(self) -> Router {
        Router::new().fallback(serve).layer(DefaultBodyLimit::max(MAX_REQUEST)).with_state(Arc::new(self))
    }

    /// Checks the token, which is in a header or, for links, in the query.
    fn admits(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = match header.and_then(|value| value.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.to_owned()),
            _ => command::token_of(uri),
        };
        shown.is_some_and(|shown| shown.as_bytes().ct_eq(self.token.as_bytes()).into())
    }
}

/// A response without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    fn down(message: String) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

async fn serve(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = if bridge.admits(&parts.headers, &parts.uri) {
        match axum::body::to_bytes(body, MAX_REQUEST).await {
            Ok(body) => answer(&bridge.link, &parts.uri, &parts.headers, &body).await,
            Err(_) => Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "ERR max request size exceeded".to_owned())),
        }
    } else {
        Err(Refusal(StatusCode::UNAUTHORIZED, "WRONGPASS invalid or missing auth token".to_owned()))
    };
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err(Refusal(status, message)) => (status, json!({"error": message})),
    };
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn answer(link: &Link, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Result<Value, Refusal> {
    let encoding = Encoding::of(headers);
    match uri.path() {
        "/" => single(link, &Command::of_json(&json(body)?)?, encoding).await,
        "/pipeline" => {
            let mut answers = Vec::new();
            for command in commands(body)? {
                let answer = link.run(&command).await.map_err(Refusal::down)?;
                answers.push(answer::whole(answer, encoding));
            }
            Ok(answers.into())
        }
        "/multi-exec" => match link.transaction(&commands(body)?).await.map_err(Refusal::down)? {
            redis::Value::Array(answers) => {
                Ok(answers.into_iter().map(|answer| answer::whole(answer, encoding)).collect())
            }
            other => Err(Refusal::bad(answer::error(&other).unwrap_or_else(|| "EXECABORT".to_owned()))),
        },
        _ => single(link, &Command::of_path(uri, body)?, encoding).await,
    }
}

async fn single(link: &Link, command: &Command, encoding: Encoding) -> Result<Value, Refusal> {
    let answer = link.run(command).await.map_err(Refusal::down)?;
    match answer::error(&answer) {
        Some(error) => Err(Refusal::bad(error)),
        None => Ok(answer::whole(answer, encoding)),
    }
}

fn json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("ERR failed to parse request: {error}")))
}

fn commands(body: &[u8]) -> Result<Vec<Command>, Refusal> {
    match json(body)? {
        Value::Array(commands) if !commands.is_empty() => commands.iter().map(Command::of_json).collect(),
        _ => Err(Refusal::bad("ERR expected an array of commands, each an array")),
    }
}

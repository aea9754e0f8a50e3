use std::borrow::Cow;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use latchkey_core::json::{self, InvalidJson};
use serde::de::DeserializeOwned;

use crate::{Problem, strict};

/// The largest request body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Error of a request body whose rest did not arrive in time.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the request did not arrive in time")]
pub struct RequestTimeout;

impl From<RequestTimeout> for Problem {
    fn from(_: RequestTimeout) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the request took too long to arrive; send it again",
        )
    }
}

/// A JSON request body. Only `application/json` is taken: a browser cannot send that to another site without asking it first,
/// so no form or plain text post reaches a handler.
/// `T` says `deny_unknown_fields`: a member that `T` does not name, or that comes twice, is refused.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(not_json());
        }
        parse(&whole(request.into_body()).await?)
    }
}

/// An empty body is none, whatever the headers say of it: a proxy may have made it a chunked one, and some clients name a
/// content type with every request.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Problem> {
        let is_json = is_json(&request);
        let bytes = whole(request.into_body()).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(None),
            (false, true) => parse(&bytes).map(Some),
            (false, false) => Err(not_json()),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Body<T>, Problem> {
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail);
    json::object(bytes).map(Body).map_err(|error| match error {
        InvalidJson::Encoding => invalid("the body is not UTF-8: send JSON in UTF-8".to_owned()),
        InvalidJson::Depth => invalid(format!("the body has {error}: send a flatter one")),
        InvalidJson::NoObject => unprocessable("the body must be a JSON object"),
        InvalidJson::Json(error) => explain(&error, bytes),
    })
}

fn not_json() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send the body as application/json",
    )
}

/// The whole of `body`. Most come in one piece, which is not copied.
async fn whole(mut body: axum::body::Body) -> Result<Bytes, Problem> {
    let first = next(&mut body, 0).await?.unwrap_or_default();
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = first.to_vec();
    while let Some(piece) = next(&mut body, whole.len()).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// The next piece of `body`, of which `read` bytes came before it.
async fn next(body: &mut axum::body::Body, read: usize) -> Result<Option<Bytes>, Problem> {
    let Some(frame) = body.frame().await else { return Ok(None) };
    let frame = frame.map_err(|error| match error.into_inner().downcast::<RequestTimeout>() {
        Ok(timeout) => Problem::from(*timeout),
        Err(_) => Problem::invalid("the body could not be read"),
    })?;
    // A frame without data is one of trailers, which say nothing here.
    let piece = frame.into_data().unwrap_or_default();
    if read + piece.len() > MAX_BODY {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "a body may have at most 64 KiB",
        ));
    }
    Ok(Some(piece))
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Says where and what, without repeating any value: a value may be a password.
fn explain(error: &serde_json::Error, body: &[u8]) -> Problem {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    // Where an enum is expected, serde_json calls a number a fault of syntax.
    let is_json = || serde_json::from_slice::<serde_json::Value>(body).is_ok();
    match error.classify() {
        Category::Syntax if is_json() => wrong_member(line, column),
        Category::Data => {
            let text = error.to_string();
            strict::member_detail(&text).map_or_else(|| wrong_member(line, column), unprocessable)
        }
        Category::Syntax | Category::Eof | Category::Io => Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            format!("the body is not valid JSON (line {line}, column {column})"),
        ),
    }
}

fn wrong_member(line: usize, column: usize) -> Problem {
    unprocessable(format!("a member of the body is of the wrong type or form (line {line}, column {column})"))
}

fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::unprocessable("invalid_request", detail)
}

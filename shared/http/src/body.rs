use std::borrow::Cow;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use latchkey_core::json::{self, InvalidJson};
use serde::de::DeserializeOwned;

use crate::{Problem, strict};

/// Maximum size of a request body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Error of a request body that did not arrive completely in time.
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

/// A JSON request body. Only `application/json` is accepted: a browser cannot send it to another site without
/// a preflight, so no form and no plain text post reaches a handler.
///
/// `T` must have `deny_unknown_fields`, so that a member that `T` does not name is refused. A duplicate
/// member is refused too.
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

/// Treats an empty body as absent, whatever its headers say. A proxy may have made it chunked, and some
/// clients send a content type with every request.
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
        "the body is not application/json; send JSON with that content type",
    )
}

/// Reads the whole body. Most bodies come in one piece, which is not copied.
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

/// Reads the next piece of `body`, after `read` bytes.
async fn next(body: &mut axum::body::Body, read: usize) -> Result<Option<Bytes>, Problem> {
    let Some(frame) = body.frame().await else { return Ok(None) };
    let frame = frame.map_err(|error| match error.into_inner().downcast::<RequestTimeout>() {
        Ok(timeout) => Problem::from(*timeout),
        Err(_) => Problem::invalid("the body could not be read"),
    })?;
    // A frame without data holds trailers, which have no meaning here.
    let piece = frame.into_data().unwrap_or_default();
    if read + piece.len() > MAX_BODY {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body is larger than 64 KiB; send a smaller one",
        ));
    }
    Ok(Some(piece))
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Returns a problem that tells the place and the kind of the error. It repeats no value, because a value may
/// be a password.
fn explain(error: &serde_json::Error, body: &[u8]) -> Problem {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    // Where an enum is expected, serde_json reports a number as a syntax error.
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

//! The events of what calls Latchkey on Lambda, and their responses: HTTP APIs and function URLs (payload format 2.0), REST APIs
//! and HTTP APIs (1.0), application load balancers.
//!
//! The conversion is our own, since a guard sits in it: the path that the middleware sees is the path that the client wrote, not
//! one that a URL parser has tidied up.

mod address;
mod request;
mod response;
mod sent;

use axum::body::Body;
use http::Request;
use lambda_runtime::Diagnostic;

pub use response::LambdaResponse;

use sent::Sent;

/// One event, as a request.
#[derive(Debug)]
pub struct Event {
    /// The request. Its extensions hold the client's [`PeerAddress`](latchkey_http::PeerAddress) when the event tells it.
    pub request: Request<Body>,
    /// How to answer.
    pub shape: Shape,
}

/// What sent an event, as far as its response is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Payload format 2.0: an HTTP API or a function URL.
    V2,
    /// Payload format 1.0: a REST API, or an HTTP API that asks for it.
    V1,
    /// A load balancer whose target group has multi-value headers.
    AlbMulti,
    /// A load balancer whose target group has one value for each header.
    AlbSingle,
}

/// Why an event is no request. Says what is wrong, never what it holds: an event has passwords in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Something else called the function.
    #[error(
        "this is no event of an HTTP API, a function URL, a REST API or a load balancer: only those can call this function"
    )]
    Unknown,
    /// A member is not what AWS documents.
    #[error("the event has an unreadable {0}")]
    Malformed(&'static str),
    /// The response has several cookies, and the target group takes one value for each header.
    #[error(
        "a load balancer with single-value headers would drop all cookies of an answer but one: set \
         lambda.multi_value_headers.enabled to true on its target group"
    )]
    CookiesLost,
    /// The response's body broke off.
    #[error("the answer could not be read")]
    Response,
}

impl Event {
    /// Reads the JSON of an event.
    pub fn parse(json: &str) -> Result<Self, EventError> {
        // Serde would repeat the value that it does not like.
        let sent: Sent = serde_json::from_str(json).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => EventError::Unknown,
            _ => EventError::Malformed("JSON text"),
        })?;
        sent.into_event()
    }
}

impl From<EventError> for Diagnostic {
    fn from(error: EventError) -> Self {
        let kind = match error {
            EventError::Unknown => "Latchkey.UnknownEvent",
            EventError::Malformed(_) => "Latchkey.MalformedEvent",
            EventError::CookiesLost => "Latchkey.SingleValueHeaders",
            EventError::Response => "Latchkey.Response",
        };
        Self { error_type: kind.to_owned(), error_message: error.to_string() }
    }
}

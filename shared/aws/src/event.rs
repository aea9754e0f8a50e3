//! Events of Latchkey's callers on Lambda, and their responses: HTTP APIs and function URLs (payload format
//! 2.0), REST APIs and HTTP APIs (1.0), application load balancers.
//!
//! The conversion is Latchkey's own, because it guards the path: the middleware sees the path as the client
//! wrote it, not as a URL parser has normalized it.

mod address;
mod request;
mod response;
mod sent;

use axum::body::Body;
use http::Request;
use lambda_runtime::Diagnostic;

pub use response::LambdaResponse;

use sent::Sent;

/// An event as a request.
#[derive(Debug)]
pub struct Event {
    /// Request. Its extensions hold the client's [`PeerAddress`](latchkey_http::PeerAddress) if the event has
    /// it.
    pub request: Request<Body>,
    /// Form of the response.
    pub shape: Shape,
}

/// Kind of the caller, which determines the form of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Payload format 2.0: an HTTP API or a function URL.
    V2,
    /// Payload format 1.0: a REST API, or an HTTP API that is configured for it.
    V1,
    /// A load balancer whose target group has multi-value headers.
    AlbMulti,
    /// A load balancer whose target group has single-value headers.
    AlbSingle,
}

/// Reason that an event is not a request. It never repeats the event's content, because an event contains
/// passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The function was called by another kind of caller.
    #[error(
        "the event is not from an HTTP API, a function URL, a REST API or a load balancer; call this function \
         through one of them"
    )]
    Unknown,
    /// A member does not have the form that AWS documents.
    #[error("the event has an unreadable {0}")]
    Malformed(&'static str),
    /// The response has several cookies, but the target group accepts only one value for each header.
    #[error(
        "a load balancer with single-value headers would drop all but one cookie of a response; set \
         lambda.multi_value_headers.enabled to true on its target group"
    )]
    CookiesLost,
    /// The response's body ended with an error.
    #[error("the response could not be read")]
    Response,
}

impl Event {
    /// Parses the JSON of an event.
    pub fn parse(json: &str) -> Result<Self, EventError> {
        // Serde's own error would repeat the invalid value.
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

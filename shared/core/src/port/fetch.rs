use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Reason that an HTTP request got no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No response within the deadline.
    #[error("no response within {0:?}")]
    Timeout(Duration),
    /// The connection could not be made, or it broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The body of the response is larger than [`MAX_BODY`].
    #[error("the response is larger than {MAX_BODY} bytes")]
    TooLarge,
}

/// Maximum size of a response body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Client for HTTP requests to other services.
///
/// It never follows redirects but returns a 3xx response as it is. Otherwise a token endpoint that redirects would choose where
/// the client secret goes. It reads whole bodies of at most [`MAX_BODY`] and stores no cookies between requests.
///
/// # Example
///
/// A client that reaches nothing, for a deployment without providers:
///
/// ```
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use latchkey_core::port::{Fetch, FetchError};
///
/// struct NoNetwork;
///
/// #[async_trait]
/// impl Fetch for NoNetwork {
///     async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
///         // Leave out the query: it may hold a code or a token.
///         let host = request.uri().host().unwrap_or_default();
///         Err(FetchError::Connection(format!("{host} is not reachable from here")))
///     }
/// }
///
/// let request = Request::get("https://id.example/keys?code=secret").body(Bytes::new()).unwrap();
/// let error = pollster::block_on(NoNetwork.fetch(request, Duration::from_secs(5))).unwrap_err();
/// assert_eq!(error.to_string(), "the connection failed: id.example is not reachable from here");
/// ```
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Sends `request` (absolute URI) and reads the whole response, whatever its status, within `deadline`.
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError>;
}

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Why an HTTP request got no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No response within the deadline.
    #[error("no response within {0:?}")]
    Timeout(Duration),
    /// The connection could not be made or broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The response's body is larger than [`Fetch::MAX_BODY`](MAX_BODY).
    #[error("the response is larger than {MAX_BODY} bytes")]
    TooLarge,
}

/// The largest response body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// One HTTP request to another service.
///
/// Redirects are never followed: a 3xx is returned as it is (a token endpoint that redirects would otherwise choose
/// where the client secret goes). Bodies are whole, at most [`MAX_BODY`]. No cookie is kept between requests.
///
/// # Example
///
/// A fetch that reaches nothing, for a deployment without providers:
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
///         // Without the query, which may hold a code or a token.
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
    /// Sends `request` (absolute URI) and reads the whole response, any status, within `deadline`.
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError>;
}

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Why an HTTP request got no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No answer within the deadline.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection could not be made or broke.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The answer's body is larger than [`Fetch::MAX_BODY`](MAX_BODY).
    #[error("the answer is larger than {MAX_BODY} bytes")]
    TooLarge,
}

/// The largest answer body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// One HTTP request to another service.
///
/// Redirects are never followed: a 3xx is returned as it is (a token endpoint that redirects would otherwise choose
/// where the client secret goes). Bodies are whole, at most [`MAX_BODY`]. No cookie is kept between requests.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Sends `request` (absolute URI) and reads the whole answer, any status, within `deadline`.
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError>;
}

//! Requests to providers: bounded in time and size, JSON only, without following redirects.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use ::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use serde::de::IgnoredAny;

use crate::json;
use crate::port::{Fetch, FetchError, MAX_BODY};

/// Maximum time of one request to a provider.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Reason that a provider gave no usable response. For the log; it contains nothing of the response itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// There was no response.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The request could not be built.
    #[error("{0}")]
    Request(&'static str),
    /// The status is not 200.
    #[error("it responded with status {0}")]
    Status(StatusCode),
    /// The response is not JSON, by its media type, its bytes or its depth.
    #[error("its response is not JSON")]
    NoJson,
    /// The JSON lacks this required member.
    #[error("its response has no usable `{0}`")]
    Member(&'static str),
}

impl Failure {
    /// Returns true if the provider took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Timeout(_)))
    }
}

/// Fetches a JSON document.
pub(super) async fn get_json(
    fetch: &Arc<dyn Fetch>,
    url: &str,
    bearer: Option<&str>,
) -> Result<Vec<u8>, Failure> {
    let mut request =
        Request::get(url).body(Bytes::new()).map_err(|_| Failure::Request("its URL is not valid"))?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(token) = bearer {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| Failure::Request("its access token does not fit in a header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let response = send(&**fetch, request).await?;
    if response.status() != StatusCode::OK {
        return Err(Failure::Status(response.status()));
    }
    if !is_json(&response) {
        return Err(Failure::NoJson);
    }
    Ok(response.into_body().into())
}

async fn send(fetch: &dyn Fetch, mut request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
    // GitHub refuses requests without a `User-Agent`.
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("Latchkey"));
    let response = fetch.fetch(request, DEADLINE).await?;
    if response.body().len() > MAX_BODY { Err(FetchError::TooLarge) } else { Ok(response) }
}

fn is_json<T>(response: &Response<T>) -> bool {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A key set has its own media type (RFC 7517, section 8.5.2).
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Adapter of the [`Fetch`] port for `oauth2`.
pub(super) struct Client<'a>(pub &'a dyn Fetch);

impl<'c> AsyncHttpClient<'c> for Client<'_> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let response = send(self.0, request.map(Bytes::from)).await?;
            // `oauth2` parses the body itself and does not check the members that it skips.
            json::read::<IgnoredAny>(response.body()).map_err(|_| Failure::NoJson)?;
            Ok(response.map(Vec::from))
        })
    }
}

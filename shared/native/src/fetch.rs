use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use latchkey_core::port::{Fetch, FetchError, MAX_BODY};
use reqwest::{Client, Request, Response, redirect, retry};
use tokio::sync::OnceCell;

/// Outgoing HTTP/1.1 by reqwest, with TLS by rustls against the certificates that the system trusts.
///
/// A request is sent unchanged and at most once. It goes straight to its host: `HTTP_PROXY` and similar
/// variables are ignored, because they would decide who sees client secrets. It needs tokio's I/O and time
/// drivers.
///
/// The system's certificates are read at the first request, off the async threads. They take
/// about 30 ms, which a start need not wait for.
#[derive(Debug, Default)]
pub struct HttpFetch {
    client: OnceCell<Client>,
}

impl HttpFetch {
    /// Creates a client without connections.
    pub fn new() -> Self {
        Self::default()
    }

    async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, FetchError> {
        let client = self.client.get_or_try_init(connect).await?;
        let request = Request::try_from(request).map_err(connection)?;
        let response = client.execute(request).await.map_err(connection)?;
        whole(response).await
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError> {
        tokio::time::timeout(deadline, self.exchange(request))
            .await
            .unwrap_or(Err(FetchError::Timeout(deadline)))
    }
}

/// Time for which an idle connection is kept open. If the server closes it at the moment a request is sent,
/// the request gets no response, and it is not sent twice. Node closes connections after 5 s, and most other
/// servers much later.
const IDLE: Duration = Duration::from_secs(4);

/// Builds the client. A failure is not stored, so the next request tries again.
async fn connect() -> Result<Client, FetchError> {
    let built = tokio::task::spawn_blocking(|| {
        // An error means that the process has already chosen a provider, which works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(connection)
    });
    built.await.unwrap_or_else(|error| Err(FetchError::Connection(error.to_string())))
}

/// Reads the whole response unless it is too large.
async fn whole(mut response: Response) -> Result<http::Response<Bytes>, FetchError> {
    if response.content_length().is_some_and(|len| len > MAX_BODY as u64) {
        return Err(FetchError::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(http::Response::<reqwest::Body>::from(response).map(|_| body.freeze()))
}

/// Returns the error and its causes without the URL, whose query may contain a code or a token.
fn connection(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    FetchError::Connection(text)
}

use std::time::Duration;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use reqwest::{Client, redirect, retry};
use tokio::sync::OnceCell;

/// The SDK's HTTP client over reqwest, which Lambda links for its other requests too. HTTP/1.1, TLS by rustls
/// with ring against Mozilla's roots, which are part of the binary: AWS's certificates chain to them, and
/// nothing is read at start.
///
/// A connection that was already dead before a request is replaced silently. One that dies during a request
/// (for example after Lambda froze the container) gives an I/O error, which the SDK retries.
pub(super) fn client(connect_timeout: Duration) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(connect_timeout, OnceCell::new().into()));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(Duration, std::sync::Arc<OnceCell<Client>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (timeout, client) = (self.0, std::sync::Arc::clone(&self.1));
        HttpConnectorFuture::new(async move {
            let client = client.get_or_try_init(async || connect(timeout)).await?;
            exchange(client, request).await
        })
    }
}

fn connect(timeout: Duration) -> Result<Client, ConnectorError> {
    let other = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect::<rustls::RootCertStore>();
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| other(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(timeout)
        .redirect(redirect::Policy::none())
        // The SDK retries and counts the attempts.
        .retry(retry::never())
        .no_proxy()
        .build()
        .map_err(|error| other(error.into()))
}

async fn exchange(client: &Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
    let request = request.try_into().map_err(failure)?;
    let response: http::Response<reqwest::Body> = client.execute(request).await.map_err(failure)?.into();
    let (parts, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.map_err(failure)?.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    response
        .try_into()
        .map_err(|error: aws_smithy_runtime_api::http::HttpError| ConnectorError::other(error.into(), None))
}

fn failure(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

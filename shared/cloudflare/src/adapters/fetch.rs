use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http_body_util::BodyExt;
use latchkey_core::port::{Fetch, FetchError, MAX_BODY};
use worker::js_sys::Uint8Array;
use worker::send::SendFuture;
use worker::web_sys::{self, RequestInit, RequestRedirect};
use worker::{AbortController, AbortSignal, Body, Delay};

use crate::convert;

/// The Worker's own fetch.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerFetch;

#[async_trait]
impl Fetch for WorkerFetch {
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError> {
        SendFuture::new(within(request, deadline)).await
    }
}

async fn within(
    request: http::Request<Bytes>,
    deadline: Duration,
) -> Result<http::Response<Bytes>, FetchError> {
    let controller = AbortController::default();
    let signal = controller.signal();
    let answer = match select(pin!(exchange(request, &signal)), Delay::from(deadline)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => Err(FetchError::Timeout(deadline)),
    };
    if answer.is_err() {
        // Any work that continues for this response is no longer needed.
        controller.abort();
    }
    answer
}

async fn exchange(
    request: http::Request<Bytes>,
    signal: &AbortSignal,
) -> Result<http::Response<Bytes>, FetchError> {
    let request = worker::Request::from(sendable(&request)?);
    let response = worker::Fetch::Request(request).send_with_signal(signal).await.map_err(broken)?;
    whole(&web_sys::Response::from(response)).await
}

fn sendable(request: &http::Request<Bytes>) -> Result<web_sys::Request, FetchError> {
    let uri = request.uri();
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(FetchError::Connection("the URL is not an absolute http or https URL".to_owned()));
    }
    let init = RequestInit::new();
    init.set_method(request.method().as_str());
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(convert::headers_out(request.headers()).map_err(broken)?.as_ref());
    if !request.body().is_empty() {
        init.set_body(&Uint8Array::from(&request.body()[..]));
    }
    web_sys::Request::new_with_str_and_init(&uri.to_string(), &init).map_err(|thrown| broken(thrown.into()))
}

/// Reads the whole response unless it is too large.
async fn whole(response: &web_sys::Response) -> Result<http::Response<Bytes>, FetchError> {
    let mut answer = http::Response::new(Bytes::new());
    *answer.status_mut() = http::StatusCode::from_u16(response.status())
        .map_err(|error| FetchError::Connection(error.to_string()))?;
    *answer.headers_mut() = convert::headers_in(&response.headers());
    let Some(stream) = response.body() else { return Ok(answer) };
    let (mut stream, mut body) = (Body::new(stream), BytesMut::new());
    while let Some(frame) = stream.frame().await {
        let Ok(chunk) = frame.map_err(broken)?.into_data() else { continue };
        if body.len() + chunk.len() > MAX_BODY {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    *answer.body_mut() = body.freeze();
    Ok(answer)
}

/// Returns the error without the URL, whose query may contain a code or a token.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: worker::Error) -> FetchError {
    let text = error.to_string();
    FetchError::Connection(if text.contains("://") || text.contains('?') {
        "the request could not be sent".to_owned()
    } else {
        text
    })
}

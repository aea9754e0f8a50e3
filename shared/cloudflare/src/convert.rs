//! Requests and answers between the runtime and `http`.
//!
//! The worker crate has such conversions too. Its refuse a request with a header that is not ASCII, and make a stream of
//! every body; ours take any header that the runtime takes, and hand over a body that is whole as it is.

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::BodyExt;
use worker::js_sys::{self, Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{Headers, Request, Response, ResponseInit};

/// The request for a router: its method, path and query, headers and body.
pub(crate) async fn request(raw: &Request) -> Result<http::Request<Body>, http::Error> {
    let url = raw.url();
    let mut request = http::Request::builder()
        .method(Method::from_bytes(raw.method().as_bytes())?)
        .uri(Uri::try_from(path_and_query(&url))?)
        .body(body(raw).await)?;
    *request.headers_mut() = headers_in(&raw.headers());
    Ok(request)
}

async fn body(raw: &Request) -> Body {
    let Some(stream) = raw.body() else { return Body::empty() };
    match crate::body::read(worker::Body::new(stream)).await {
        Ok(bytes) => bytes.into(),
        // Whoever wants it learns that it cannot be read.
        Err(error) => Body::from_stream(stream::iter([Err::<Bytes, _>(error)])),
    }
}

/// Behind scheme, host and port, without a fragment.
fn path_and_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    rest.split_once('#').map_or(rest, |(rest, _)| rest)
}

/// The answer of a router, for the runtime.
pub(crate) async fn response(answer: http::Response<Body>) -> worker::Result<Response> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| worker::Error::RustError(error.to_string()))?.to_bytes();
    let init = ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers(headers_out(&parts.headers)?.as_ref());
    // Some statuses may have no body at all, not even an empty one.
    let bytes = (!body.is_empty()).then(|| js_sys::Uint8Array::from(&body[..]));
    let bytes = bytes.as_ref().map(JsCast::unchecked_ref::<js_sys::Object>);
    Ok(Response::new_with_opt_buffer_source_and_init(bytes, &init)?)
}

/// The runtime's headers, each value byte by byte.
pub(crate) fn headers_in(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for entry in headers.entries().into_iter().flatten() {
        let pair: Array = entry.unchecked_into();
        let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) else { continue };
        // The runtime has checked both already.
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&bytes(&value)))
        else {
            continue;
        };
        map.append(name, value);
    }
    map
}

/// A header's value as the runtime shows it is a text of one character per byte.
fn bytes(value: &str) -> Vec<u8> {
    value.chars().map(u8::try_from).collect::<Result<_, _>>().unwrap_or_else(|_| value.as_bytes().to_vec())
}

/// Headers for the runtime. Each is appended: several cookies arrive as several.
pub(crate) fn headers_out(headers: &HeaderMap) -> worker::Result<Headers> {
    let out = Headers::new()?;
    for (name, value) in headers {
        let text: String = value.as_bytes().iter().copied().map(char::from).collect();
        out.append(name.as_str(), &text)?;
    }
    Ok(out)
}

/// What JavaScript threw, in words.
pub(crate) fn thrown(value: &JsValue) -> String {
    match value.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => value.as_string().unwrap_or_else(|| "something that is no error was thrown".to_owned()),
    }
}

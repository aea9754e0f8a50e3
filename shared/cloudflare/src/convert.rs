//! Conversion of requests and responses between the runtime and `http`.
//!
//! The worker crate's own conversions refuse a request with a non-ASCII header, and turn every body into a
//! stream. These accept any header that the runtime accepts, and pass a complete body as it is.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use http_body_util::BodyExt;
use latchkey_http::MAX_BODY;
use worker::js_sys;
use worker::wasm_bindgen::closure::Closure;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{Headers, Request, Response};

/// Bindings to the JavaScript functions. Each text that crosses between JavaScript and wasm is encoded again,
/// so all headers cross as one text.
mod glue {
    use worker::wasm_bindgen::JsValue;
    use worker::wasm_bindgen::prelude::wasm_bindgen;
    use worker::web_sys::{Headers, Request, Response};

    #[wasm_bindgen(wasm_bindgen = worker::wasm_bindgen, module = "/src/convert.js")]
    extern "C" {
        /// Returns a request's method, its URL, and the names and values of its headers, each on its own
        /// line.
        #[wasm_bindgen(js_name = head)]
        pub(super) fn head(request: &Request) -> String;
        /// Calls `then` with the bytes of a request's body up to a limit, or with nothing if it cannot be
        /// read.
        #[wasm_bindgen(js_name = shortBody)]
        pub(super) fn short_body(request: &Request, limit: usize, then: &JsValue) -> JsValue;
        /// Returns the lines of headers alone.
        #[wasm_bindgen(js_name = lines)]
        pub(super) fn lines(headers: &Headers) -> String;
        /// Returns headers from lines.
        #[wasm_bindgen(js_name = headers, catch)]
        pub(super) fn headers(lines: &str) -> Result<Headers, JsValue>;
        /// Returns a response with headers from lines. An empty body is left out, because some statuses allow
        /// none.
        #[wasm_bindgen(js_name = response, catch)]
        pub(super) fn response(status: u16, lines: &str, body: &[u8]) -> Result<Response, JsValue>;
    }
}

/// Head of a request: all except its body.
pub(crate) struct Head {
    method: String,
    url: String,
    headers: HeaderMap,
}

impl Head {
    pub(crate) fn of(raw: &Request) -> Self {
        let head = glue::head(raw);
        let mut lines = head.split('\n');
        let mut text = || lines.next().unwrap_or_default().to_owned();
        Self { method: text(), url: text(), headers: read_lines(lines) }
    }

    /// Returns true if the client declares a body of a length that the service accepts. Another Worker may
    /// declare a false length.
    pub(crate) fn has_short_body(&self) -> bool {
        let length =
            self.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        !self.headers.contains_key(header::TRANSFER_ENCODING)
            && length.is_some_and(|length: usize| (1..=MAX_BODY).contains(&length))
    }

    /// Returns true if the client used https.
    pub(crate) fn is_https(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// Returns the request for a router.
    pub(crate) fn request(self, body: Body) -> Result<http::Request<Body>, http::Error> {
        let mut request = http::Request::builder()
            .method(Method::from_bytes(self.method.as_bytes())?)
            .uri(Uri::try_from(path_and_query(&self.url))?)
            .body(body)?;
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

/// Reads the body of a request that declares no length, or a large one.
pub(crate) async fn body(raw: &Request) -> Body {
    let Some(stream) = raw.body() else { return Body::empty() };
    match crate::body::read(worker::Body::new(stream)).await {
        Ok(bytes) => bytes.into(),
        Err(error) => unreadable(error),
    }
}

/// Calls `then` with the body of a request that declares a short length, and returns the promise of its
/// result. The runtime reads the body in one step, whereas a stream takes several steps for each piece.
pub(crate) fn short_body(raw: &Request, then: impl FnOnce(Body) -> JsValue + 'static) -> JsValue {
    let mut then = Some(then);
    // JavaScript owns the closure. If the client has gone, nobody calls it, and it is freed.
    let then = Closure::<dyn FnMut(Option<js_sys::Uint8Array>) -> JsValue>::new(
        move |bytes: Option<js_sys::Uint8Array>| {
            let body = match bytes {
                Some(bytes) => bytes.to_vec().into(),
                None => unreadable(io::Error::from(io::ErrorKind::UnexpectedEof)),
            };
            then.take().map_or_else(failure, |then| then(body))
        },
    );
    // As for a body that is read in pieces, the limit is one byte above what the service accepts, so that it
    // refuses a larger body.
    glue::short_body(raw, MAX_BODY + 1, &then.into_js_value())
}

/// Returns a body whose reader gets `error`.
fn unreadable(error: impl Error + Send + Sync + 'static) -> Body {
    Body::from_stream(stream::iter([Err::<Bytes, _>(error)]))
}

/// Returns the part of a URL after scheme, host and port, without the fragment.
fn path_and_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    rest.split_once('#').map_or(rest, |(rest, _)| rest)
}

/// Converts the response of a router for the runtime.
pub(crate) async fn response(answer: http::Response<Body>) -> worker::Result<Response> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| worker::Error::RustError(error.to_string()))?.to_bytes();
    Ok(glue::response(parts.status.as_u16(), &written_lines(&parts.headers), &body)?)
}

/// Returns the response of last resort.
pub(crate) fn failure() -> JsValue {
    glue::response(500, "", &[]).map_or_else(|error| error, JsValue::from)
}

/// Converts the runtime's headers, each value byte by byte.
pub(crate) fn headers_in(headers: &Headers) -> HeaderMap {
    read_lines(glue::lines(headers).split('\n'))
}

/// Reads names and values in turn.
fn read_lines<'a>(mut lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut map = HeaderMap::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        // The runtime has already checked both.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&bytes(value)))
        {
            map.append(name, value);
        }
    }
    map
}

/// Writes names and values in turn. Neither can contain a line break.
fn written_lines(headers: &HeaderMap) -> String {
    let mut lines = String::with_capacity(1024);
    for (name, value) in headers {
        lines.push_str(name.as_str());
        lines.push('\n');
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) if text.is_ascii() => lines.push_str(text),
            _ => lines.extend(value.as_bytes().iter().copied().map(char::from)),
        }
        lines.push('\n');
    }
    lines
}

/// Returns the bytes of a header's value. The runtime shows it as a text of one character per byte.
fn bytes(value: &str) -> Cow<'_, [u8]> {
    if value.is_ascii() {
        return Cow::Borrowed(value.as_bytes());
    }
    let bytes: Result<Vec<_>, _> = value.chars().map(u8::try_from).collect();
    bytes.map_or_else(|_| Cow::Borrowed(value.as_bytes()), Cow::Owned)
}

/// Converts headers for the runtime. Each is appended, so several cookies stay separate.
pub(crate) fn headers_out(headers: &HeaderMap) -> worker::Result<Headers> {
    Ok(glue::headers(&written_lines(headers))?)
}

/// Returns the text of a JavaScript exception.
pub(crate) fn thrown(value: &JsValue) -> String {
    match value.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => value.as_string().unwrap_or_else(|| "a value that is not an error was thrown".to_owned()),
    }
}

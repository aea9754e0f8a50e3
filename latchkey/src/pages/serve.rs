use std::future::ready;

use axum::http::header;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;

/// A page loads its stylesheet and its pictures from here, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A route that answers with this page. It shows the configuration, so a browser asks again after a restart.
pub(super) fn page<S: Clone + Send + Sync + 'static>(html: &str) -> MethodRouter<S> {
    let body = Bytes::copy_from_slice(html.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    get(move || ready((headers, body.clone())))
}

/// A route that answers with what pages are shown with.
pub(super) fn asset<S: Clone + Send + Sync + 'static>(
    kind: &'static str,
    text: &'static str,
) -> MethodRouter<S> {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")];
    get(move || ready((headers, text)))
}

use std::future::ready;

use axum::http::header;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;

/// Content security policy of a page. It loads its stylesheet and its pictures from this server, and nothing
/// else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Returns a route that serves this page. The page shows the configuration, so a browser must load it again
/// after a restart.
pub(super) fn page<S: Clone + Send + Sync + 'static>(html: &str) -> MethodRouter<S> {
    let body = Bytes::copy_from_slice(html.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    get(move || ready((headers, body.clone())))
}

/// Returns a route that serves a file of the pages.
pub(super) fn asset<S: Clone + Send + Sync + 'static>(
    kind: &'static str,
    text: &'static str,
) -> MethodRouter<S> {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")];
    get(move || ready((headers, text)))
}

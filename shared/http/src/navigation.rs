//! GET routes with side effects. Only a browser that navigates may call them.

use std::future::Future;
use std::pin::Pin;

use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::{App, Problem};

/// A handler that a browser navigates to.
#[derive(Clone)]
pub(crate) struct Navigation<H>(pub H);

/// Marker that tells this form of a handler apart from the handler itself.
pub(crate) struct Navigated<T>(std::marker::PhantomData<T>);

impl<H: Handler<T, App>, T: 'static> Handler<Navigated<T>, App> for Navigation<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, app: App) -> Self::Future {
        match refuse(request.method(), request.headers()) {
            Some(problem) => Box::pin(async move { problem.into_response() }),
            None => Box::pin(self.0.call(request, app)),
        }
    }
}

/// Refuses a request that is not a navigation, as far as its headers tell. axum passes HEAD to the handlers
/// of GET.
fn refuse(method: &Method, headers: &HeaderMap) -> Option<Problem> {
    let detail = if method == Method::HEAD {
        let text = "this path has side effects, so it does not accept HEAD; use GET";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text);
        return Some(problem.with(header::ALLOW, HeaderValue::from_static("GET")));
    } else if is_prefetch(headers) {
        "this path has side effects, so it must not be prefetched; navigate to it"
    } else if is_subresource(headers) {
        "a page cannot load this path as an image, as a frame or by fetch; navigate the window to it"
    } else {
        return None;
    };
    Some(Problem::new(StatusCode::FORBIDDEN, "navigation_required", detail))
}

/// Returns true for a prefetch: `Sec-Purpose` of today's browsers, and its older names.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let values = headers.get_all(*name).iter();
        values.map(HeaderValue::as_bytes).flat_map(|value| value.split(|b| matches!(b, b';' | b','))).any(
            |word| {
                let word = word.trim_ascii();
                ["prefetch", "prerender", "preview"]
                    .iter()
                    .any(|kind| word.eq_ignore_ascii_case(kind.as_bytes()))
            },
        )
    })
}

/// Returns true for a subresource, by the fetch metadata that a browser sends.
fn is_subresource(headers: &HeaderMap) -> bool {
    let differs = |name: &str, wanted: &str| headers.get_all(name).iter().any(|value| value != wanted);
    differs("sec-fetch-mode", "navigate") || differs("sec-fetch-dest", "document")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, headers: &[(&'static str, &'static str)]) -> Option<(u16, &'static str)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let problem = refuse(method, &headers)?;
        Some((problem.status().as_u16(), problem.code()))
    }

    #[test]
    fn navigations_and_clients_without_fetch_metadata_pass() {
        let page = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-site", "cross-site"),
        ];
        for headers in [&page[..], &page[..1], &[], &[("purpose", "navigation")]] {
            assert_eq!(refused(&Method::GET, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(refused(&Method::HEAD, &[]), Some((405, "method_not_allowed")));
        for headers in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch; anonymous-client-ip"),
            ("purpose", "Prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "Navigate"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "empty"),
        ] {
            assert_eq!(refused(&Method::GET, &[headers]), Some((403, "navigation_required")), "{headers:?}");
        }
    }
}

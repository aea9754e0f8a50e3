//! Middleware of every request and every response, whatever the route.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::Config;
use latchkey_core::audit::Refusals;
use latchkey_core::port::Entropy;
use tower::Service;

use crate::refusal::{self, Asked};
use crate::{Problem, client, cors, csrf};

/// Header that identifies a request in responses and logs.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every response. A page that needs a different policy sets its own.
static HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    // Pages of listed origins read responses by CORS, which this header does not affect (the Fetch standard,
    // section 3.7).
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];
static HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

struct Shared {
    config: Arc<Config>,
    /// Headers of every response.
    headers: HeaderMap,
    /// Value of `Access-Control-Allow-Headers` in the response to every preflight.
    cors_headers: HeaderValue,
    refusals: Arc<Refusals>,
    /// Names of the request headers that the audit event of a refusal is made from.
    told: Vec<HeaderName>,
    /// Random number of the process, so that identifiers of two processes never collide.
    process: String,
    requests: AtomicU64,
}

impl Shared {
    fn new(config: Arc<Config>, refusals: Refusals, entropy: &dyn Entropy) -> Self {
        // Without randomness nothing else works either; the identifiers are then unique only within the
        // process.
        let process = u64::from_be_bytes(entropy.bytes().unwrap_or_default());
        let headers = headers(config.url.is_https());
        let cors_headers = cors::allowed_headers(&config);
        let told = client::headers(&config);
        Self {
            told,
            config,
            headers,
            cors_headers,
            refusals: Arc::new(refusals),
            process: format!("{process:016x}"),
            requests: AtomicU64::new(0),
        }
    }
}

/// Service behind the middleware, for the entry of a platform.
///
/// It wraps the router instead of being a layer of it, because axum would box such a layer once more for
/// every route.
#[derive(Clone)]
pub struct Middleware<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Middleware<S> {
    pub(crate) fn new(inner: S, config: Arc<Config>, refusals: Refusals, entropy: &dyn Entropy) -> Self {
        Self { shared: Arc::new(Shared::new(config, refusals, entropy)), inner }
    }

    /// Returns the response `problem` to a request that does not reach the service, with a request identifier
    /// like every response.
    pub fn refuse(&self, problem: Problem) -> Response {
        let number = self.shared.requests.fetch_add(1, Ordering::Relaxed);
        self.shared.finish(problem.into_response(), number, None)
    }
}

impl<S, B> Service<Request<B>> for Middleware<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = MiddlewareFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let number = self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        let allowed = cors::allowed_origin(request.headers(), &shared.config);
        let asked = Some(Asked::of(&request, &shared.told));
        let source = match refuse(&request, &shared.config) {
            Some(problem) => ResponseSource::Known { response: Some(problem.into_response()) },
            None if request.method() == Method::OPTIONS => {
                ResponseSource::Known { response: Some(cors::preflight(&shared.cors_headers)) }
            }
            None => ResponseSource::Route { future: self.inner.call(request) },
        };
        MiddlewareFuture { source, shared, number, allowed, asked, noting: None }
    }
}

pin_project_lite::pin_project! {
    /// Source of a response.
    #[project = ResponseSourceProjection]
    enum ResponseSource<F> {
        Known { response: Option<Response> },
        Route { #[pin] future: F },
    }
}

pin_project_lite::pin_project! {
    /// Future of the response.
    pub struct MiddlewareFuture<F> {
        #[pin]
        source: ResponseSource<F>,
        shared: Arc<Shared>,
        number: u64,
        allowed: Option<HeaderValue>,
        asked: Option<Asked>,
        noting: Option<Noting>,
    }
}

/// A refusal that is being written to the audit log, and the response that waits for it.
struct Noting {
    writing: Pin<Box<dyn Future<Output = ()> + Send>>,
    response: Response,
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for MiddlewareFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (shared, number) = (this.shared, *this.number);
        let twice = || Problem::internal("a response was asked for twice").into_response();
        if this.noting.is_none() {
            let response = match this.source.project() {
                ResponseSourceProjection::Known { response } => response.take().unwrap_or_else(twice),
                ResponseSourceProjection::Route { future } => {
                    let Ok(response) = std::task::ready!(future.poll(cx));
                    response
                }
            };
            let refused = refusal::of(&response);
            let response = shared.finish(response, number, this.allowed.take());
            let Some((problem, asked)) = refused.zip(this.asked.take()) else {
                return Poll::Ready(Ok(response));
            };
            let (refusals, config) = (Arc::clone(&shared.refusals), Arc::clone(&shared.config));
            let writing = Box::pin(refusal::write(refusals, config, asked, problem));
            *this.noting = Some(Noting { writing, response });
        }
        let written = this.noting.as_mut().map(|noting| noting.writing.as_mut().poll(cx));
        std::task::ready!(written.unwrap_or(Poll::Ready(())));
        let response = this.noting.take().map(|noting| noting.response);
        Poll::Ready(Ok(response.unwrap_or_else(|| shared.finish(twice(), number, None))))
    }
}

/// Returns the response `problem` to a request that reaches no service: a platform's entry uses it if the
/// service did not start, or if a request cannot be passed on. It has the headers of every response, and
/// `request_id` as its identifier.
pub fn without_service(problem: &Problem, https: bool, request_id: &str) -> Response {
    let mut response = problem.render(request_id);
    let id = HeaderValue::from_str(request_id).unwrap_or(HeaderValue::from_static(""));
    dress(&mut response, headers(https), id);
    cors::share(response.headers_mut(), None);
    response
}

/// Returns the headers of every response.
fn headers(https: bool) -> HeaderMap {
    // Room for the headers that responses add.
    let mut headers = HeaderMap::with_capacity(24);
    headers.extend(HEADERS.iter().cloned());
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS.clone());
    }
    headers
}

/// Adds `headers` that the response does not set itself, and the request's identifier.
fn dress(response: &mut Response, headers: HeaderMap, request_id: HeaderValue) {
    let own = std::mem::replace(response.headers_mut(), headers);
    response.headers_mut().extend(own);
    response.headers_mut().insert(X_REQUEST_ID.clone(), request_id);
}

/// Returns the problem of a request that must not reach a route.
fn refuse<B>(request: &Request<B>, config: &Config) -> Option<Problem> {
    let path = request.uri().path();
    if !canonical(path) {
        return Some(Problem::not_found("this path does not exist; check its spelling"));
    }
    let forged = !csrf::is_way_back(path) && csrf::is_forged(request.method(), request.headers(), config);
    forged.then(csrf::refusal)
}

/// Returns true if the path has the only spelling that routes, limits and guards know. No route has a
/// character that needs escaping, so a path with an escape, an empty segment or a dot segment is not
/// canonical.
pub fn canonical(path: &str) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    path.strip_prefix('/').is_some_and(|rest| {
        rest.is_empty()
            || rest
                .as_bytes()
                .split(|b| *b == b'/')
                .all(|segment| !matches!(segment, b"" | b"." | b"..") && segment.iter().all(plain))
    })
}

impl Shared {
    /// Adds the headers of every response that the response does not set itself.
    fn finish(&self, mut response: Response, number: u64, allowed: Option<HeaderValue>) -> Response {
        let id = self.name(number);
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            // The router's own headers, such as `Allow`, stay.
            let rendered = problem.render(id.to_str().unwrap_or_default());
            let (parts, body) = rendered.into_parts();
            *response.status_mut() = parts.status;
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response.headers_mut().extend(parts.headers);
            *response.body_mut() = body;
        }
        dress(&mut response, self.headers.clone(), id);
        cors::share(response.headers_mut(), allowed);
        response
    }

    /// Returns the identifier of a request.
    fn name(&self, number: u64) -> HeaderValue {
        // Room for all digits of two numbers and the dash between them, so the write cannot fail.
        let mut text = [b' '; 33];
        let mut rest = text.as_mut_slice();
        let _ = rest.write_all(self.process.as_bytes()).and_then(|()| write!(rest, "-{number:x}"));
        HeaderValue::from_bytes(text.trim_ascii_end()).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use proptest::prelude::*;

    #[test]
    fn a_problem_without_a_service_has_what_every_answer_has() {
        for https in [true, false] {
            let response = without_service(&Problem::invalid("no"), https, "7f");
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            for (name, value) in &HEADERS {
                assert_eq!(response.headers().get_all(name).iter().collect::<Vec<_>>(), [value], "{name}");
            }
            assert_eq!(response.headers().get(&X_REQUEST_ID).unwrap(), "7f");
            assert_eq!(response.headers().get(header::VARY).unwrap(), "origin");
            assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
            assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
            assert_eq!(response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY), https);
        }
    }

    #[test]
    fn one_spelling_per_path() {
        for path in ["/", "/v1/signup", "/v1/roles/content-editor", "/.well-known/jwks.json"] {
            assert!(canonical(path), "{path}");
        }
        for path in [
            "//v1/signup",
            "/v1//signup",
            "/v1/signup/",
            "/v1/./signup",
            "/v1/../v1/signup",
            "/v1%2fsignup",
            "/v1/%73ignup",
            "/v1\\signup",
            "/v1/signup;x",
            "",
            "v1/signup",
            "/v1/signup%00",
            "/v1/sıgnup",
            "/..",
            "/.",
        ] {
            assert!(!canonical(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_canonical_path_holds_another_spelling(path in "[/.%a-f0-9]{0,12}") {
            if canonical(&path) {
                prop_assert!(!path.contains("//") && !path.contains('%') && !path.contains("/../"));
            }
        }
    }
}

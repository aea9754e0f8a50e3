//! Routes of a service by their path.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Bytes, HttpBody};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::MethodRouter;
use axum::routing::future::RouteFuture;
use tower::Service;

use crate::{App, Problem};

/// Builds the router of a path. It is called once for each method that the path accepts.
pub(crate) type Make = Arc<dyn Fn() -> MethodRouter<App> + Send + Sync>;

/// Routes of a service.
///
/// The router of a path is built at its first request. An isolate or a Lambda container serves only a few of
/// the paths, and building all routers would take most of the time before its first response.
#[derive(Clone)]
pub struct Paths(Arc<Shared>);

struct Shared {
    app: App,
    fixed: HashMap<&'static str, Path>,
    /// Paths with `{names}`. No request path matches two of them, as a test of `latchkey-all` checks. A fixed
    /// path goes before a matching pattern.
    varying: Vec<(&'static str, Path)>,
    /// Router of all other paths.
    others: Router,
}

#[derive(Default)]
struct Path {
    methods: Vec<Make>,
    router: OnceLock<Router>,
}

impl Paths {
    /// Returns these routes over `app`. A request for any other path goes to `others`.
    pub(crate) fn new(
        routes: impl IntoIterator<Item = (&'static str, Make)>,
        others: Router<App>,
        app: App,
    ) -> Self {
        let mut fixed: HashMap<_, Path> = HashMap::new();
        let mut varying: BTreeMap<_, Path> = BTreeMap::new();
        for (path, make) in routes {
            let path = if path.contains('{') {
                varying.entry(path).or_default()
            } else {
                fixed.entry(path).or_default()
            };
            path.methods.push(make);
        }
        let varying = varying.into_iter().collect();
        let others = with_fallbacks(others, app.clone());
        Self(Arc::new(Shared { app, fixed, varying, others }))
    }

    fn router(&self, path: &str) -> &Router {
        let Shared { app, fixed, varying, others } = &*self.0;
        let varying = || {
            varying
                .iter()
                .find(|(pattern, _)| is_example(path, pattern))
                .map(|(pattern, path)| (*pattern, path))
        };
        let Some((pattern, path)) = fixed.get_key_value(path).map(|(path, it)| (*path, it)).or_else(varying)
        else {
            return others;
        };
        path.router.get_or_init(|| {
            let router =
                path.methods.iter().fold(Router::new(), |router, make| router.route(pattern, make()));
            with_fallbacks(router, app.clone())
        })
    }
}

/// Returns true if `path` is `pattern` with a non-empty segment in place of each `{name}`.
fn is_example(path: &str, pattern: &str) -> bool {
    let mut segments = path.split('/');
    let fits = pattern.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|segment| segment == wanted || wanted.starts_with('{') && !segment.is_empty())
    });
    fits && segments.next().is_none()
}

fn with_fallbacks(router: Router<App>, app: App) -> Router {
    router
        .fallback(|| async { Problem::not_found("this path does not exist; check its spelling") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not accept that method; use one of those in `Allow`",
            )
        })
        .with_state(app)
}

impl<B> Service<Request<B>> for Paths
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut router = self.router(request.uri().path()).clone();
        router.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::is_example;

    #[test]
    fn a_name_stands_for_one_segment_that_is_not_empty() {
        assert!(is_example("/v1/users/7/roles/admin", "/v1/users/{id}/roles/{name}"));
        for path in ["/v1/users", "/v1/users/", "/v1/users/7/8", "/v1/user/7", "/v1/users//", "/v1/users/7/"]
        {
            assert!(!is_example(path, "/v1/users/{id}"), "{path}");
        }
    }
}

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use latchkey_core::session::Freshness;

use crate::navigation::Navigation;
use crate::paths::Make;
use crate::{App, Caller, Problem, Takes, Target, caller};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever is signed in.
    SignedIn(Freshness),
    /// Whoever holds this permission as of now.
    Permission(&'static str),
    /// Whoever is signed in, asked about by a reverse proxy: judged by the method and origin that the proxy forwards, without a
    /// count, and refused by 401 or 403 alone, with the code in `X-Latchkey-Reason`.
    Proxied,
    /// Whoever holds any token of a session, expired or not: to end it.
    Holder,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for what varies.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The inputs that it has.
    pub takes: Takes,
}

/// Routes, each with who may call it. There is no way to add one without saying so, and whoever may not call it never
/// reaches its handler. Nor does a request with a query or a body that the route does not say it takes.
#[derive(Default)]
pub struct Routes {
    handlers: Vec<(&'static str, Make)>,
    operations: Vec<Operation>,
}

impl Routes {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A route that anyone may call.
    #[must_use]
    pub fn public<T: 'static>(
        self,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        let target = target.into();
        self.add(method, target, Access::Public, Open { takes: target.takes, handler })
    }

    /// A GET route that anyone may call and that acts: only by navigating to it. HEAD, prefetches and what a page loads are refused
    /// before the handler is reached.
    #[must_use]
    pub fn navigation<T: 'static>(self, target: impl Into<Target>, handler: impl Handler<T, App>) -> Self {
        let target = target.into();
        self.add(Method::GET, target, Access::Public, Navigation(Open { takes: target.takes, handler }))
    }

    /// A route for whoever is signed in, on state at most 60 s old; the handler takes a [`Caller`](crate::Caller).
    #[must_use]
    pub fn signed_in<T: 'static>(
        self,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.guarded(method, target.into(), Access::SignedIn(Freshness::Recent), handler)
    }

    /// A route for whoever is signed in, on state as of now: for changes.
    #[must_use]
    pub fn fresh<T: 'static>(
        self,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.guarded(method, target.into(), Access::SignedIn(Freshness::Fresh), handler)
    }

    /// A route at which a reverse proxy asks whether a request of its client's may pass.
    #[must_use]
    pub fn proxied<T: 'static>(
        self,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.guarded(method, target.into(), Access::Proxied, handler)
    }

    /// A route for whoever holds `permission` as of now.
    #[must_use]
    pub fn permission<T: 'static>(
        self,
        permission: &'static str,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.guarded(method, target.into(), Access::Permission(permission), handler)
    }

    /// A route for whoever holds any token of a session, expired or not; the handler takes [`Holders`](crate::Holders).
    #[must_use]
    pub fn holder<T: 'static>(
        self,
        method: Method,
        target: impl Into<Target>,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.guarded(method, target.into(), Access::Holder, handler)
    }

    fn guarded<T: 'static>(
        self,
        method: Method,
        target: Target,
        access: Access,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.add(method, target, access, Guarded { access, takes: target.takes, handler })
    }

    fn add<T: 'static>(
        mut self,
        method: Method,
        Target { path, takes }: Target,
        access: Access,
        handler: impl Handler<T, App>,
    ) -> Self {
        // Every method that routes use has a filter; one that has none would be a route that nobody can call.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE);
        self.handlers.push((path, Arc::new(move || on(filter, handler.clone()))));
        self.operations.push(Operation { method, path, access, takes });
        self
    }

    pub(crate) fn into_parts(self) -> (Vec<(&'static str, Make)>, Vec<Operation>) {
        (self.handlers, self.operations)
    }
}

/// A handler that anyone may call.
#[derive(Clone)]
struct Open<H> {
    takes: Takes,
    handler: H,
}

/// A handler behind its access rule.
#[derive(Clone)]
struct Guarded<H> {
    access: Access,
    takes: Takes,
    handler: H,
}

/// Tells the guarded form of a handler apart from the handler itself.
struct Guard<T>(std::marker::PhantomData<T>);

impl<H: Handler<T, App>, T: 'static> Handler<Guard<T>, App> for Guarded<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, app: App) -> Self::Future {
        Box::pin(async move {
            let Self { access, takes, handler } = self;
            let mut response = match admit(request, &app, access, takes).await {
                Ok(request) => {
                    let caller = request.extensions().get::<Caller>().map(|caller| caller.user.id);
                    let mut response = handler.call(request, app).await;
                    // For the audit log.
                    if let (Some(caller), Some(problem)) =
                        (caller, response.extensions_mut().get_mut::<Problem>())
                    {
                        problem.asked(caller);
                    }
                    response
                }
                Err(problem) => problem.into_response(),
            };
            if access == Access::Proxied
                && let Some(problem) = response.extensions_mut().remove::<Problem>()
            {
                return problem.for_proxy().into_response();
            }
            response
        })
    }
}

async fn admit(request: Request, app: &App, access: Access, takes: Takes) -> Result<Request, Problem> {
    takes.check_query(request.uri())?;
    let (mut parts, body) = request.into_parts();
    caller::admit(&mut parts, app, access).await?;
    takes.check_body(Request::from_parts(parts, body)).await
}

impl<H: Handler<T, App>, T: 'static> Handler<Guard<T>, App> for Open<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, app: App) -> Self::Future {
        Box::pin(async move {
            let Self { takes, handler } = self;
            let checked = match takes.check_query(request.uri()) {
                Ok(()) => takes.check_body(request).await,
                Err(problem) => Err(problem),
            };
            match checked {
                Ok(request) => handler.call(request, app).await,
                Err(problem) => problem.into_response(),
            }
        })
    }
}

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
#[cfg(feature = "description")]
use crate::openapi::Described;
use crate::paths::Make;
use crate::{App, Caller, Description, Problem, Signature, Takes, caller};

/// Access rule of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Open to anyone.
    Public,
    /// Open to a signed-in user.
    SignedIn(Freshness),
    /// Open to a user who holds this permission, by strongly consistent state.
    Permission(&'static str),
    /// Open to a signed-in user whose request a reverse proxy asks about. It is judged by the method and
    /// origin that the proxy forwards, and not counted. A refusal is always 401 or 403, with the code in
    /// `X-Latchkey-Reason`.
    Proxied,
    /// Open to the holder of any token of a session, expired or not, in order to end the session.
    TokenHolder,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for its parameters.
    pub path: &'static str,
    /// The access rule.
    pub access: Access,
    /// The inputs that it reads.
    pub takes: Takes,
}

/// Routes with their access rules. No route can be added without one, and a caller who fails the rule never
/// reaches the handler. Neither does a request with a query or a body that the handler's signature does not
/// have.
pub struct Routes {
    pub(crate) handlers: Vec<(&'static str, Make)>,
    pub(crate) operations: Vec<Operation>,
    #[cfg(feature = "description")]
    tag: &'static str,
    #[cfg(feature = "description")]
    pub(crate) descriptions: Vec<Described>,
}

impl Routes {
    /// Starts without routes. The description lists the routes under `tag`.
    #[cfg_attr(
        not(feature = "description"),
        expect(unused_variables, reason = "nobody can ask for the description")
    )]
    pub const fn new(tag: &'static str) -> Self {
        Self {
            handlers: Vec::new(),
            operations: Vec::new(),
            #[cfg(feature = "description")]
            tag,
            #[cfg(feature = "description")]
            descriptions: Vec::new(),
        }
    }

    /// Adds a route that anyone may call.
    #[must_use]
    pub fn public<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        let handler = Open { takes: T::TAKES, handler };
        self.add::<T, _>(method, path, Access::Public, handler, description)
    }

    /// Adds a public GET route with side effects, which a browser must navigate to. HEAD, prefetches and
    /// subresource requests are refused before they reach the handler.
    #[must_use]
    pub fn navigation<T: Signature + 'static>(
        self,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        let handler = Navigation(Open { takes: T::TAKES, handler });
        self.add::<T, _>(Method::GET, path, Access::Public, handler, description)
    }

    /// Adds a route for signed-in users, on state at most 60 s old. The handler takes a
    /// [`Caller`](crate::Caller).
    #[must_use]
    pub fn signed_in<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        self.guarded(method, path, Access::SignedIn(Freshness::Recent), handler, description)
    }

    /// Adds a route for signed-in users on strongly consistent state, for changes.
    #[must_use]
    pub fn fresh<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        self.guarded(method, path, Access::SignedIn(Freshness::Fresh), handler, description)
    }

    /// Adds a route at which a reverse proxy asks whether a request of its client may pass.
    #[must_use]
    pub fn proxied<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        self.guarded(method, path, Access::Proxied, handler, description)
    }

    /// Adds a route for users who hold `permission`, by strongly consistent state.
    #[must_use]
    pub fn permission<T: Signature + 'static>(
        self,
        permission: &'static str,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        self.guarded(method, path, Access::Permission(permission), handler, description)
    }

    /// Adds a route for the holder of any token of a session, expired or not. The handler takes
    /// [`TokenHolders`](crate::TokenHolders).
    #[must_use]
    pub fn holder<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        self.guarded(method, path, Access::TokenHolder, handler, description)
    }

    fn guarded<T: Signature + 'static>(
        self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: impl Handler<T, App>,
        description: &'static Description,
    ) -> Self {
        let handler = Guarded { access, takes: T::TAKES, handler };
        self.add::<T, _>(method, path, access, handler, description)
    }

    /// Adds a handler that checks the inputs and the access before it calls `handler`, whose signature is
    /// `T`.
    #[cfg_attr(
        not(feature = "description"),
        expect(unused_variables, reason = "nobody can ask for the description")
    )]
    fn add<T: Signature, G: 'static>(
        mut self,
        method: Method,
        path: &'static str,
        access: Access,
        handler: impl Handler<G, App>,
        description: &'static Description,
    ) -> Self {
        // Every method that routes use has a filter. A method without one would give a route that nobody can
        // call.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::TRACE);
        self.handlers.push((path, Arc::new(move || on(filter, handler.clone()))));
        // The handler of a GET may also serve a POST, and read the body there.
        let takes = Takes { body: T::TAKES.body && !method.is_safe(), ..T::TAKES };
        self.operations.push(Operation { method, path, access, takes });
        #[cfg(feature = "description")]
        self.descriptions.push(Described { tag: self.tag, own: description, inputs: T::describe });
        self
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

/// Marker that tells the guarded form of a handler apart from the handler itself.
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
                    // The audit log needs the caller.
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

use axum::Router;
use axum::routing::MethodRouter;
use utoipa::openapi::OpenApi;

use crate::{App, Operation, Routes};

/// One operation of Latchkey, or several put together: routes, who may call them, and their description. Its default has no routes,
/// to [merge](Function::merge) others into.
#[derive(Clone, Default)]
pub struct Function {
    // One router is made of them at the end: to merge routers is to make each route's place in them once more, which is a good part
    // of what an isolate does before its first answer.
    handlers: Vec<(&'static str, MethodRouter<App>)>,
    pages: Router<App>,
    operations: Vec<Operation>,
    #[cfg(feature = "description")]
    descriptions: Vec<fn() -> OpenApi>,
}

impl Function {
    /// From the routes and what makes their description, which is made only where it is asked for.
    #[cfg_attr(
        not(feature = "description"),
        expect(unused_variables, reason = "nobody can ask for the description")
    )]
    pub fn new(routes: Routes, description: fn() -> OpenApi) -> Self {
        let (handlers, operations) = routes.into_parts();
        Self {
            handlers,
            pages: Router::new(),
            operations,
            #[cfg(feature = "description")]
            descriptions: vec![description],
        }
    }

    /// Both functions in one. The service panics, as `axum` does, where they have a route in common: a mistake that the first test
    /// finds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        #[cfg(feature = "description")]
        self.descriptions.extend(other.descriptions);
        self.operations.extend(other.operations);
        self.handlers.extend(other.handlers);
        Self { pages: self.pages.merge(other.pages), ..self }
    }

    /// The same with pages for people, which are no part of the API and of its description.
    #[must_use]
    pub fn with_pages(self, pages: Router<App>) -> Self {
        Self { pages: self.pages.merge(pages), ..self }
    }

    /// Every route and who may call it.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The description of every route: what each function says of its own, and the answers that all of them give.
    #[cfg(feature = "description")]
    pub fn openapi(&self) -> OpenApi {
        let mut all = self.descriptions.iter().map(|describe| describe());
        let mut first = all.next().unwrap_or_default();
        all.for_each(|next| first.merge(next));
        crate::described::complete(&mut first, &self.operations);
        first
    }

    pub(crate) fn into_router(self) -> Router<App> {
        self.handlers.into_iter().fold(self.pages, |router, (path, handler)| router.route(path, handler))
    }
}

/// The entry line of a function crate: makes `function()`, what each platform's entry serves, from the crate's `routes()`
/// and its description.
#[macro_export]
macro_rules! function {
    ($routes:expr, $description:ty) => {
        /// This operation, ready to be served.
        pub fn function() -> $crate::Function {
            $crate::Function::new($routes, <$description as $crate::utoipa::OpenApi>::openapi)
        }
    };
}

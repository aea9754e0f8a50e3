use axum::Router;
use utoipa::openapi::OpenApi;

use crate::{Operation, Routes};

/// One operation of Latchkey, or several put together: routes, who may call them, and their description.
#[derive(Clone)]
pub struct Function<S> {
    router: Router<S>,
    operations: Vec<Operation>,
    openapi: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Default for Function<S> {
    /// One without routes, to [merge](Function::merge) others into.
    fn default() -> Self {
        Self { router: Router::new(), operations: Vec::new(), openapi: OpenApi::default() }
    }
}

impl<S: Clone + Send + Sync + 'static> Function<S> {
    /// From the routes and their description.
    pub fn new(routes: Routes<S>, openapi: OpenApi) -> Self {
        let (router, operations) = routes.into_parts();
        Self { router, operations, openapi }
    }

    /// Both functions in one. Panics, as `axum` does, where they have a route in common: a mistake that the first test finds.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.openapi.merge(other.openapi);
        self.operations.extend(other.operations);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// The same with pages for people, which are no part of the API and of its description.
    #[must_use]
    pub fn with_pages(self, pages: Router<S>) -> Self {
        Self { router: self.router.merge(pages), ..self }
    }

    /// Every route and who may call it.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The description of every route.
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    pub(crate) fn into_router(self) -> Router<S> {
        self.router
    }
}

/// The entry line of a function crate: makes `function()`, what each platform's entry serves, from the crate's `routes()`
/// and its description.
#[macro_export]
macro_rules! function {
    ($routes:expr, $description:ty) => {
        /// This operation, ready to be served.
        pub fn function() -> $crate::Function<$crate::App> {
            $crate::Function::new($routes, <$description as $crate::utoipa::OpenApi>::openapi())
        }
    };
}

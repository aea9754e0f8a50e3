use axum::Router;
use utoipa::openapi::OpenApi;

use crate::paths::{Make, Paths};
use crate::{App, Operation, Routes};

/// One operation of Latchkey, or several put together: routes, who may call them, and their description. Its default has no routes,
/// to [merge](Function::merge) others into.
#[derive(Clone, Default)]
pub struct Function {
    handlers: Vec<(&'static str, Make)>,
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

    /// Both functions in one. No two have a route in common: a request for it would panic.
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

    pub(crate) fn into_paths(self, app: App) -> Paths {
        Paths::new(self.handlers, self.pages, app)
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

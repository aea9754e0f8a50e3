use axum::Router;

#[cfg(feature = "description")]
use crate::openapi::{self, Described};
use crate::paths::{Make, Paths};
use crate::{App, Operation, Routes};

/// One operation of Latchkey, or several merged ones: routes, their access rules and their description. The
/// default has no routes, as a start for [merge](Function::merge).
#[derive(Clone, Default)]
pub struct Function {
    handlers: Vec<(&'static str, Make)>,
    pages: Router<App>,
    operations: Vec<Operation>,
    /// One description for each of `operations`.
    #[cfg(feature = "description")]
    descriptions: Vec<Described>,
}

impl From<Routes> for Function {
    fn from(routes: Routes) -> Self {
        Self {
            handlers: routes.handlers,
            pages: Router::new(),
            operations: routes.operations,
            #[cfg(feature = "description")]
            descriptions: routes.descriptions,
        }
    }
}

impl Function {
    /// Returns both functions as one. They must not share a route: a request for it would panic.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        #[cfg(feature = "description")]
        self.descriptions.extend(other.descriptions);
        self.operations.extend(other.operations);
        self.handlers.extend(other.handlers);
        Self { pages: self.pages.merge(other.pages), ..self }
    }

    /// Returns the function with pages for people. Pages are not part of the API and its description.
    #[must_use]
    pub fn with_pages(self, pages: Router<App>) -> Self {
        Self { pages: self.pages.merge(pages), ..self }
    }

    /// Returns every route with its access rule.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Returns the description of every route, made of the description by its function and of what follows
    /// from the route.
    #[cfg(feature = "description")]
    pub fn openapi(&self) -> utoipa::openapi::OpenApi {
        openapi::document(self.operations.iter().zip(&self.descriptions))
    }

    pub(crate) fn into_paths(self, app: App) -> Paths {
        Paths::new(self.handlers, self.pages, app)
    }
}

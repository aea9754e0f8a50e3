use axum::Router;

#[cfg(feature = "description")]
use crate::openapi::{self, Described};
use crate::paths::{Make, Paths};
use crate::{App, Operation, Routes};

/// One operation of Latchkey, or several put together: routes, who may call them, and their description. Its default has no routes,
/// to [merge](Function::merge) others into.
#[derive(Clone, Default)]
pub struct Function {
    handlers: Vec<(&'static str, Make)>,
    pages: Router<App>,
    operations: Vec<Operation>,
    /// One for each of `operations`.
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

    /// The description of every route: what each function says of its own, and what follows from the route.
    #[cfg(feature = "description")]
    pub fn openapi(&self) -> utoipa::openapi::OpenApi {
        openapi::document(self.operations.iter().zip(&self.descriptions))
    }

    pub(crate) fn into_paths(self, app: App) -> Paths {
        Paths::new(self.handlers, self.pages, app)
    }
}

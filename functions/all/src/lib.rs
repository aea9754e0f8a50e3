//! Every operation in one function, for the local server and for a deployment of one function.

mod operations;

use axum::http::{HeaderName, Method, header};
use axum::response::IntoResponse;
use latchkey_http::{Description, Function, Routes, any_json};

pub use operations::operations;

/// Returns every function merged into one.
pub fn function() -> Function {
    let own = Routes::new("meta").public(Method::GET, "/openapi.json", show, &SHOW).into();
    operations().into_iter().fold(own, |all, (_, operation)| all.merge(operation))
}

/// OpenAPI 3.1 description of every route, `/health` included, as JSON.
///
/// `cargo xtask generate` builds it from the descriptions beside the handlers. It is embedded as text,
/// because the code that builds it would be a large part of a Worker.
pub const OPENAPI: &str = include_str!("../openapi.json");

const SHOW: Description = Description {
    id: "show_description",
    summary: "Show the API description",
    details: "This document.",
    responses: &[any_json(200, "OpenAPI 3.1")],
    problems: &[],
};

async fn show() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    /// Returns true if some path matches both patterns: `{names}` match any segment.
    fn meet(one: &str, other: &str) -> bool {
        let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
        let fits = |(a, b): (&&str, &&str)| a == b || a.starts_with('{') || b.starts_with('{');
        one.len() == other.len() && one.iter().zip(&other).all(fits)
    }

    #[test]
    fn no_request_has_two_routes() {
        let all = super::function().merge(latchkey_http::health());
        let mut seen = HashSet::new();
        for operation in all.operations() {
            assert!(seen.insert((&operation.method, operation.path)), "{} is there twice", operation.path);
        }
        // A path without names goes before a pattern that matches it.
        let paths = all.operations().iter().map(|operation| operation.path).filter(|path| path.contains('{'));
        let paths: HashSet<_> = paths.collect();
        for path in &paths {
            let others = paths.iter().filter(|other| *other != path && meet(path, other));
            assert_eq!(others.collect::<Vec<_>>(), Vec::<&&str>::new(), "these fit what fits {path}");
        }
    }
}

//! Pages of the local server for people: the home page and the reference.
//!
//! All pages are rendered once, from the description that `/openapi.json` serves, so they match the routes.
//! They run no script and load nothing from elsewhere.

mod access;
mod curl;
mod document;
mod fields;
mod home;
mod operation;
mod reference;
mod schema;
mod serve;
mod shape;
mod tags;
#[cfg(test)]
mod tests;
mod text;

use askama::Template;
use axum::Router;
use latchkey_core::Config;

use document::Document;
use home::HomePage;
use reference::{Reference, ReferencePage};

const STYLE: &str = include_str!("../../assets/latchkey.css");
const ICON: &str = include_str!("../../assets/latchkey.svg");

/// Returns the pages of a server with this configuration, for the routes that `openapi` describes in JSON:
/// `/`, `/docs`, and their files under `/assets`.
pub fn routes<S: Clone + Send + Sync + 'static>(config: &Config, openapi: &str) -> Router<S> {
    // The text is part of the program and is always valid JSON.
    let description = serde_json::from_str(openapi).unwrap_or_default();
    let reference = Reference::read(Document::new(&description), config.url.as_str());
    Router::new()
        .route("/", serve::page(&text(&HomePage::new(config, &reference))))
        .route("/docs", serve::page(&text(&ReferencePage::new(&reference))))
        .route("/assets/latchkey.css", serve::asset("text/css; charset=utf-8", STYLE))
        .route("/assets/latchkey.svg", serve::asset("image/svg+xml", ICON))
}

/// Renders a template. A template over values in memory cannot fail; if it did, the page would show the
/// error.
fn text(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| error.to_string())
}

//! The local server's pages for people: what runs here, and the reference.
//!
//! Everything is rendered once, from the description that `/openapi.json` serves, so no page says what the routes do not do.
//! The pages run no script and load nothing from elsewhere.

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

/// The pages of a server with this configuration, about the routes that `openapi` describes in JSON: `/`, `/docs` and what
/// they are shown with under `/assets`.
pub fn routes<S: Clone + Send + Sync + 'static>(config: &Config, openapi: &str) -> Router<S> {
    // The text is a part of the program, so that it is JSON is certain.
    let description = serde_json::from_str(openapi).unwrap_or_default();
    let reference = Reference::read(Document::new(&description), config.url.as_str());
    Router::new()
        .route("/", serve::page(&text(&HomePage::new(config, &reference))))
        .route("/docs", serve::page(&text(&ReferencePage::new(&reference))))
        .route("/assets/latchkey.css", serve::asset("text/css; charset=utf-8", STYLE))
        .route("/assets/latchkey.svg", serve::asset("image/svg+xml", ICON))
}

/// A template over values in memory has nothing that fails; if it did, the page would say so.
fn text(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| error.to_string())
}

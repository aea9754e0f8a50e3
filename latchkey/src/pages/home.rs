use askama::Template;
use latchkey_core::Config;

use super::reference::Reference;

/// Home page of the server.
#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct HomePage<'a> {
    reference: &'a Reference,
    origins: &'a [String],
    sign_up: Option<String>,
}

impl<'a> HomePage<'a> {
    /// Returns the page of a server with this configuration and these operations.
    pub(super) fn new(config: &'a Config, reference: &'a Reference) -> Self {
        let mut operations = reference.operations();
        let sign_up =
            operations.find(|operation| operation.method == "POST" && operation.path == "/v1/signup");
        Self {
            reference,
            origins: &config.origins,
            sign_up: sign_up.map(|operation| operation.curl(&reference.url)),
        }
    }
}

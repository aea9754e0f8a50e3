//! `/v1/identities`, `/v1/oauth/{provider}/link`.

mod link_requests;
mod linking;
mod provider_tokens;
mod unlinking;

use latchkey_http::Function;
use latchkey_testkit::{TestApp, TestAppBuilder};

/// Identities, and the operations at which the rules show.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_session::function())
        .merge(latchkey_signin::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start_warm(operations()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

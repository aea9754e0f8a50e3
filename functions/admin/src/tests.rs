mod audit;
mod roles;
mod users;

use latchkey_http::Function;
use latchkey_testkit::TestApp;

/// Administration, and the operations that show the effects of its rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_session::function())
        .merge(latchkey_signin::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

async fn app() -> TestApp {
    TestApp::unlimited().start(operations()).await
}

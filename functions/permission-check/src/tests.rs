mod authorize;
mod check;

use latchkey_http::Function;
use latchkey_testkit::TestApp;

/// Permission checks, and the operations that show the effects of their rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_admin::function())
        .merge(latchkey_session::function())
        .merge(latchkey_signup::function())
}

async fn app() -> TestApp {
    TestApp::unlimited().start(operations()).await
}

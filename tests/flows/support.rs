//! What these tests share: the app that they use.

use std::sync::Arc;
use std::time::Duration;

use latchkey_testkit::{TestApp, TestAppBuilder, TestClock, memory_table};

pub use latchkey_testkit::people::{
    PASSWORD, Person, admin, check, events, get, grant, post, refresh, send, send_json, sign_in, sign_up,
    signin_request, signup_request,
};

/// Builds the whole service and makes the initial roles.
pub async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start(latchkey_all::function()).await
}

/// The whole service without limits.
pub async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

/// Two processes over one table and one clock.
pub async fn two_processes() -> (TestApp, TestApp) {
    let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
    let process = |seed| TestApp::unlimited().table(Arc::clone(&table)).clock(Arc::clone(&clock)).seed(seed);
    (start(process(1)).await, start(process(2)).await)
}

/// The last moment before `duration` is over.
pub fn short_of(duration: Duration) -> Duration {
    duration.checked_sub(Duration::from_millis(1)).unwrap()
}

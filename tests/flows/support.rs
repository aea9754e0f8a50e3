//! What these tests share: people, and the app that they use.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use latchkey_core::account::Authority;
use latchkey_core::audit::{Action, Event, Filter, Requester};
use latchkey_testkit::{TestApp, TestAppBuilder, TestClock, TestRequest, TestResponse, memory_table};
use latchkey_tests::support::bare;
use serde_json::Value;

pub use latchkey_tests::support::{PASSWORD, Person, refresh_request, signin_request, signup_request};

/// Without limits: a test is quicker than a person.
pub fn unlimited() -> TestAppBuilder {
    TestApp::builder().var("LATCHKEY_LIMITS", "off")
}

/// Builds the whole service and makes the initial roles.
pub async fn start(builder: TestAppBuilder) -> TestApp {
    let app = builder.build(latchkey_all::function());
    app.services.roles.init().await.unwrap();
    app
}

/// The whole service without limits.
pub async fn app() -> TestApp {
    start(unlimited()).await
}

/// Two processes over one table and one clock.
pub async fn two_processes() -> (TestApp, TestApp) {
    let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
    let process = |seed| unlimited().table(Arc::clone(&table)).clock(Arc::clone(&clock)).seed(seed);
    (start(process(1)).await, start(process(2)).await)
}

pub async fn sign_up(app: &TestApp, email: &str) -> Person {
    let answer = app.send(signup_request(email)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    Person::read(&answer)
}

pub async fn sign_in(app: &TestApp, email: &str) -> Person {
    Person::read(&app.send(signin_request(email, PASSWORD)).await)
}

pub async fn refresh(app: &TestApp, token: &str) -> TestResponse {
    app.send(refresh_request(token)).await
}

/// Somebody with the role `admin`.
pub async fn admin(app: &TestApp, email: &str) -> Person {
    let person = sign_up(app, email).await;
    grant(app, &person, "admin").await;
    person
}

/// Grants a role as the operator does.
pub async fn grant(app: &TestApp, person: &Person, role: &str) {
    let role = role.parse().unwrap();
    let from = Requester::default();
    app.services.users.grant_role(person.user_id(), &role, Authority::Operator, &from).await.unwrap();
}

pub async fn get(app: &TestApp, path: &str, person: &Person) -> TestResponse {
    app.send(TestRequest::get(path).bearer(&person.access)).await
}

pub async fn post(app: &TestApp, path: &str, person: &Person) -> TestResponse {
    send(app, "POST", path, person).await
}

/// A request without a body, by any method.
pub async fn send(app: &TestApp, method: &str, path: &str, person: &Person) -> TestResponse {
    app.send(bare(method, path, person)).await
}

/// A request with a JSON body, by any method.
pub async fn send_json(
    app: &TestApp,
    method: &str,
    path: &str,
    person: &Person,
    body: &Value,
) -> TestResponse {
    app.send(bare(method, path, person).json(body)).await
}

/// The answer to a permission check.
pub async fn check(app: &TestApp, person: &Person, body: &Value) -> TestResponse {
    send_json(app, "POST", "/v1/permissions/check", person, body).await
}

/// The events of one action, newest first.
pub async fn events(app: &TestApp, action: Action) -> Vec<Event> {
    let mut filter = Filter { action: Some(action), limit: 200, ..Filter::default() };
    let mut events = Vec::new();
    loop {
        let page = app.services.audit.list(&filter).await.unwrap();
        events.extend(page.events);
        if page.next.is_none() {
            return events;
        }
        filter.after = page.next;
    }
}

/// The value of a cookie that `answer` sets, without its attributes.
pub fn cookie(answer: &TestResponse, name: &str) -> String {
    answer.set_cookie(name).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

/// An address of a client.
pub fn address(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

/// The last moment before `duration` is over.
pub fn short_of(duration: Duration) -> Duration {
    duration.checked_sub(Duration::from_millis(1)).unwrap()
}

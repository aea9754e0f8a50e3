//! While the counters fail, sign-in goes on, limited in process.

use std::time::Duration;

use latchkey_testkit::{Fault, TestApp, TestRequest};

use crate::support::{PASSWORD, Person, refresh_request, signin_request, signup_request};

fn app() -> TestApp {
    let app = TestApp::new(latchkey_all::function());
    app.counters.faults.add(Fault::unavailable());
    app
}

#[tokio::test]
async fn sign_up_and_sign_in_go_on_and_each_failure_is_counted() {
    let app = app();
    assert_eq!(app.services.limiter.failures(), 0);
    let made = app.send(signup_request("ada@example.com")).await;
    assert_eq!(made.status, 201);
    assert_eq!(app.services.limiter.failures(), 1);
    assert_eq!(app.send(signin_request("ada@example.com", PASSWORD)).await.status, 200);
    assert_eq!(app.send(signin_request("ada@example.com", "not the right one")).await.status, 401);
    assert_eq!(app.services.limiter.failures(), 3);
    assert_eq!(app.send(refresh_request(&Person::read(&made).refresh)).await.status, 200);
}

#[tokio::test]
async fn guessing_is_limited_as_before() {
    let app = app();
    app.send(signup_request("ada@example.com")).await;
    for _ in 0..5 {
        assert_eq!(app.send(signin_request("eve@example.com", "not the right one")).await.status, 401);
    }
    let answer = app.send(signin_request("ada@example.com", PASSWORD)).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "60"));
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(app.send(signin_request("ada@example.com", PASSWORD)).await.status, 200);
    for n in 0..2 {
        assert_eq!(app.send(signup_request(&format!("new{n}@example.com"))).await.status, 201);
    }
    assert_eq!(
        app.send(signup_request("new3@example.com")).await.status,
        429,
        "three sign-ups in 15 minutes"
    );
}

#[tokio::test]
async fn a_lost_answer_is_a_failure_too() {
    let app = TestApp::new(latchkey_all::function());
    app.counters.faults.add(Fault::answer_lost().times(1));
    assert_eq!(app.send(signup_request("ada@example.com")).await.status, 201);
    assert_eq!(app.services.limiter.failures(), 1);
}

#[tokio::test]
async fn other_routes_are_not_shut_down() {
    let app = app();
    // More than the 60 a minute that are allowed while somebody counts.
    for _ in 0..70 {
        assert_eq!(app.send(refresh_request("nonsense")).await.code(), "invalid_refresh_token");
    }
}

#[tokio::test]
async fn health_says_what_is_down_and_that_it_works_all_the_same() {
    let app = app();
    let answer = app.send(TestRequest::get("/health")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        (answer.text("stores.table").as_str(), answer.text("stores.counters").as_str()),
        ("ok", "unavailable")
    );
}

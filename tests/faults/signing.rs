//! A token cannot be signed, or a process lacks a secret that another one writes under: nothing is used up, and nobody is signed
//! out.

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::audit::{Action, Filter};
use latchkey_core::port::Table;
use latchkey_testkit::{TestApp, TestClock, TestRequest, URL, memory_table};
use serde_json::json;

use crate::support::{
    PASSWORD, Person, bare, is_unavailable, refresh_request, signin_request, signup_request,
};

const OLD: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";
const NEW: &str = "hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM";

/// Processes over one store, each with secrets of its own.
struct Site {
    table: Arc<dyn Table>,
    clock: Arc<TestClock>,
}

impl Site {
    fn new() -> Self {
        Self { table: memory_table(), clock: Arc::new(TestClock::new()) }
    }

    fn process(&self, secrets: &[&str], seed: u64) -> TestApp {
        TestApp::builder()
            .var("LATCHKEY_LIMITS", "off")
            .var("LATCHKEY_SECRET", &secrets.join(","))
            .seed(seed)
            .table(Arc::clone(&self.table))
            .clock(Arc::clone(&self.clock))
            .build(latchkey_all::function())
    }
}

async fn reuses(app: &TestApp) -> usize {
    let filter = Filter { action: Some(Action::TokenReused), limit: 200, ..Filter::default() };
    app.services.audit.list(&filter).await.unwrap().events.len()
}

/// A refresh by the cookie of a browser.
fn by_cookie(token: &str) -> TestRequest {
    TestRequest::new(http::Method::POST, "/v1/token/refresh")
        .header("origin", URL)
        .header("sec-fetch-site", "same-origin")
        .header("cookie", &format!("__Host-latchkey-refresh={token}"))
}

#[tokio::test]
async fn what_cannot_be_signed_has_not_happened() {
    let site = Site::new();
    let first = site.process(&[OLD], 1);
    let ada = Person::read(&first.send(signup_request("ada@example.com")).await);
    // The keys are under the new secret now, which one process lacks.
    let writer = site.process(&[NEW, OLD], 2);
    writer.services.keys.rotate().await.unwrap();
    let behind = site.process(&[OLD], 3);
    for pause in [0, 11, 3600] {
        site.clock.advance(Duration::from_secs(pause));
        let answer = behind.send(by_cookie(&ada.refresh)).await;
        assert!(is_unavailable(&answer), "{}", answer.json());
        assert!(answer.headers.get("set-cookie").is_none(), "no cookie is removed");
        assert!(is_unavailable(&behind.send(bare("GET", "/v1/session", &ada)).await));
        assert!(is_unavailable(&behind.send(signin_request("ada@example.com", PASSWORD)).await));
        assert!(is_unavailable(&behind.send(signup_request("eve@example.com")).await));
    }
    let next = Person::read(&writer.send(refresh_request(&ada.refresh)).await);
    assert_eq!(writer.send(refresh_request(&next.refresh)).await.status, 200);
    assert_eq!(reuses(&writer).await, 0);
    let listed = writer.send(bare("GET", "/v1/sessions", &next)).await.json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "no sign-in was left behind");
    assert_eq!(writer.send(signup_request("eve@example.com")).await.status, 201, "the address is free");
}

#[tokio::test]
async fn a_secret_rotates_in_two_steps_without_one_sign_out() {
    let site = Site::new();
    let before = site.process(&[OLD], 1);
    let mut ada = Person::read(&before.send(signup_request("ada@example.com")).await);
    let steps: [[&[&str]; 2]; 5] = [
        // Readers first, one process after the other.
        [&[OLD, NEW], &[OLD]],
        [&[OLD, NEW], &[OLD, NEW]],
        // Then writers.
        [&[NEW, OLD], &[OLD, NEW]],
        [&[NEW, OLD], &[NEW, OLD]],
        // And the old one goes, once nothing is under it.
        [&[NEW], &[NEW, OLD]],
    ];
    for (step, secrets) in steps.iter().enumerate() {
        let apps = [0, 1].map(|n| site.process(secrets[n], 10 * u64::try_from(step).unwrap() + n as u64 + 2));
        if step == 3 {
            apps[0].services.keys.rotate().await.unwrap();
        }
        for turn in 0..4 {
            site.clock.advance(Duration::from_mins(7));
            let [here, there] = if turn % 2 == 0 { [&apps[0], &apps[1]] } else { [&apps[1], &apps[0]] };
            assert_eq!(there.send(bare("GET", "/v1/session", &ada)).await.status, 200, "{step} {turn}");
            let next = Person::read(&here.send(refresh_request(&ada.refresh)).await);
            // The response is lost, and the retry meets the other process.
            let again = Person::read(&there.send(refresh_request(&ada.refresh)).await);
            assert_eq!(again.refresh, next.refresh);
            let signed_in = there.send(signin_request("ada@example.com", PASSWORD)).await;
            let other = Person::read(&signed_in);
            assert_eq!(here.send(refresh_request(&other.refresh)).await.status, 200);
            assert_eq!(here.send(bare("POST", "/v1/signout", &other)).await.status, 204);
            ada = next;
        }
    }
    assert_eq!(reuses(&site.process(&[NEW], 99)).await, 0);
}

#[tokio::test]
async fn a_token_under_a_secret_that_a_process_lacks_is_an_outage_and_no_theft() {
    let site = Site::new();
    let behind = site.process(&[OLD], 1);
    let ada = Person::read(&behind.send(signup_request("ada@example.com")).await);
    // In one step, as it must not be done.
    let ahead = site.process(&[NEW, OLD], 2);
    let next = Person::read(&ahead.send(refresh_request(&ada.refresh)).await);
    let answer = behind.send(by_cookie(&next.refresh)).await;
    assert!(is_unavailable(&answer), "{}", answer.json());
    assert!(answer.headers.get("set-cookie").is_none());
    let out = TestRequest::new(http::Method::POST, "/v1/signout")
        .header("sec-fetch-site", "same-origin")
        .header("cookie", &format!("__Host-latchkey-refresh={}", next.refresh));
    assert!(is_unavailable(&behind.send(out).await));
    site.clock.advance(Duration::from_mins(1));
    assert_eq!(ahead.send(refresh_request(&next.refresh)).await.status, 200);
    let made_up = json!({ "refresh_token": "lkr_nonsense" });
    let answer = behind.send(TestRequest::post("/v1/token/refresh", &made_up)).await;
    assert_eq!(answer.code(), "invalid_refresh_token");
}

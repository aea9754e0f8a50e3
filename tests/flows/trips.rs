//! How often each operation asks its stores: table and counters together, limits on, counted exactly.
//!
//! Counted is a process that has the key ring, which it reads every five minutes at the most. "Warm" is a session that this
//! process has read within the minute; "cold" is the first request of a session, or after that minute.

use std::sync::Arc;
use std::time::Duration;

use latchkey_testkit::{TestApp, TestClock, TestRequest, memory_table};
use serde_json::json;

use crate::support::{Person, check, get, refresh, sign_in, sign_up, signin_request, signup_request, start};

/// A process that has just read the key ring.
async fn warm(app: TestApp) -> TestApp {
    assert_eq!(app.send(TestRequest::get("/.well-known/jwks.json")).await.status, 200);
    app.trips.take();
    app
}

async fn process() -> TestApp {
    warm(start(TestApp::builder()).await).await
}

/// Somebody who signed up through one process, and another process that has not seen them yet.
async fn elsewhere() -> (Person, TestApp) {
    let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
    let builder = |seed| TestApp::builder().table(Arc::clone(&table)).clock(Arc::clone(&clock)).seed(seed);
    let ada = sign_up(&start(builder(1)).await, "ada@example.com").await;
    (ada, warm(start(builder(2)).await).await)
}

#[tokio::test]
async fn a_sign_up_takes_two() {
    let app = process().await;
    sign_up(&app, "ada@example.com").await;
    assert_eq!(app.trips.take(), 2);
    assert_eq!(app.send(signup_request("ada@example.com")).await.status, 409);
    assert_eq!(app.trips.take(), 3, "a refused one is noted");
    assert_eq!(
        app.send(TestRequest::post("/v1/signup", &json!({"email": "a@b.example", "password": "password"})))
            .await
            .status,
        422
    );
    assert_eq!(app.trips.take(), 1, "a weak password is counted");
}

/// One sign-in in eight, told by the session's identifier, counts the sessions of its user.
fn count_of(person: &Person) -> u64 {
    u64::from(person.session.ends_with(['0', '8']))
}

#[tokio::test]
async fn a_sign_in_takes_three() {
    let app = process().await;
    sign_up(&app, "ada@example.com").await;
    app.trips.take();
    let first = sign_in(&app, "ada@example.com").await;
    assert_eq!(app.trips.take(), 3 + count_of(&first));
    app.send(signin_request("ada@example.com", "not the right one")).await;
    assert_eq!(app.trips.take(), 3, "a wrong password");
    let second = sign_in(&app, "ada@example.com").await;
    assert_eq!(app.trips.take(), 3 + count_of(&second), "a right one that resets the count");
    app.send(signin_request("eve@example.com", "not the right one")).await;
    assert_eq!(app.trips.take(), 3, "an unknown address");
}

#[tokio::test]
async fn a_refresh_takes_two() {
    let app = process().await;
    let ada = sign_up(&app, "ada@example.com").await;
    app.trips.take();
    assert_eq!(refresh(&app, &ada.refresh).await.status, 200);
    assert_eq!(app.trips.take(), 2);
    assert_eq!(refresh(&app, &ada.refresh).await.status, 200);
    assert_eq!(app.trips.take(), 1, "the same successor once more");
}

#[tokio::test]
async fn a_permission_check_takes_one_cold_and_none_warm() {
    let (ada, app) = elsewhere().await;
    let body = json!({"permission": "products:read"});
    for expected in [1, 0, 0] {
        assert_eq!(check(&app, &ada, &body).await.json()["allowed"], true);
        assert_eq!(app.trips.take(), expected);
    }
    for path in ["/v1/authorize?permission=products:read", "/v1/permissions", "/v1/session"] {
        assert!(get(&app, path, &ada).await.status.is_success());
        assert_eq!(app.trips.take(), 0, "{path}");
    }
    app.clock.advance(Duration::from_mins(1));
    for expected in [1, 0] {
        assert_eq!(check(&app, &ada, &body).await.status, 200);
        assert_eq!(app.trips.take(), expected, "after a minute");
    }
    let fresh = json!({"permission": "products:read", "fresh": true});
    assert_eq!(check(&app, &ada, &fresh).await.status, 200);
    assert_eq!(app.trips.take(), 1, "as of now");
}

#[tokio::test]
async fn a_session_takes_one_cold_and_none_warm() {
    let (ada, app) = elsewhere().await;
    for expected in [1, 0, 0] {
        assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
        assert_eq!(app.trips.take(), expected);
    }
}

#[tokio::test]
async fn a_new_token_of_a_known_session_takes_none() {
    let (ada, app) = elsewhere().await;
    get(&app, "/v1/session", &ada).await;
    let next = Person::read(&refresh(&app, &ada.refresh).await);
    app.trips.take();
    assert_eq!(get(&app, "/v1/session", &next).await.status, 200);
    assert_eq!(app.trips.take(), 0);
}

#[tokio::test]
async fn a_bad_token_takes_none() {
    let (ada, app) = elsewhere().await;
    for token in ["", "nonsense", &ada.refresh, &ada.access[..ada.access.len() - 4]] {
        assert_eq!(app.send(TestRequest::get("/v1/session").bearer(token)).await.status, 401);
        assert_eq!(app.trips.take(), 0, "{token}");
    }
}

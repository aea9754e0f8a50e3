//! No answer from the table is 503 and nothing else: it says nothing about a password, a token or a permission.

use std::time::Duration;

use latchkey_testkit::{Call, Fault, TestRequest};
use serde_json::json;

use crate::support::{
    PASSWORD, Pair, Person, bare, is_unavailable, refresh_request, signin_request, signup_request,
};

/// Each operation that asks the table.
fn operations(root: &Person, ada: &Person) -> Vec<TestRequest> {
    let user = format!("/v1/users/{}", ada.id);
    vec![
        signup_request("new@example.com"),
        signup_request("ada@example.com"),
        signin_request("ada@example.com", PASSWORD),
        signin_request("ada@example.com", "not the right one"),
        signin_request("unknown@example.com", PASSWORD),
        refresh_request(&ada.refresh),
        bare("GET", "/v1/sessions", ada),
        bare("DELETE", &format!("/v1/sessions/{}", ada.session), ada),
        bare("POST", "/v1/signout", ada),
        bare("POST", "/v1/signout/all", ada),
        bare("GET", "/v1/authorize?fresh=true&permission=products:read", ada),
        bare("POST", "/v1/permissions/check", ada).json(&json!({"permission": "a:b", "fresh": true})),
        bare("GET", "/v1/roles", root),
        bare("GET", "/v1/roles/user", root),
        bare("PUT", "/v1/roles/new", root).json(&json!({})),
        bare("DELETE", "/v1/roles/new", root),
        bare("GET", "/v1/users", root),
        bare("GET", &user, root),
        bare("PATCH", &user, root).json(&json!({"status": "disabled"})),
        bare("PUT", &format!("{user}/roles/content-editor"), root),
        bare("DELETE", &format!("{user}/roles/user"), root),
        bare("GET", &format!("{user}/sessions"), root),
        bare("DELETE", &format!("{user}/sessions"), root),
        bare("DELETE", &user, root),
        bare("GET", "/v1/audit", root),
    ]
}

#[tokio::test]
async fn every_operation_says_that_it_cannot_answer() {
    let pair = Pair::new().await;
    let (root, ada) = (pair.admin("root@example.com").await, pair.sign_up("ada@example.com").await);
    let before = pair.events().await.len();
    pair.app.table.faults.add(Fault::unavailable());
    for (n, operation) in operations(&root, &ada).into_iter().enumerate() {
        let answer = pair.app.send(operation).await;
        assert!(is_unavailable(&answer), "operation {n}: {} {}", answer.status, answer.json());
        assert!(!answer.headers.contains_key("set-cookie"), "operation {n} signs nobody out");
    }
    pair.app.table.faults.clear();
    assert_eq!(pair.events().await.len(), before, "nothing happened");
    let session = pair.app.send(bare("GET", "/v1/authorize?signed_in=true&fresh=true", &ada)).await;
    assert_eq!(session.status, 204, "the session lives");
    assert_eq!(pair.app.send(refresh_request(&ada.refresh)).await.status, 200, "its family too");
    assert_eq!(
        pair.app.send(signin_request("ada@example.com", PASSWORD)).await.status,
        200,
        "nothing was counted"
    );
}

#[tokio::test]
async fn a_table_that_only_reads_says_so_where_it_must_write() {
    let pair = Pair::new().await;
    let (root, ada) = (pair.admin("root@example.com").await, pair.sign_up("ada@example.com").await);
    pair.app.table.faults.add(Fault::unavailable().on(Call::Commit));
    for (n, operation) in operations(&root, &ada).into_iter().enumerate() {
        let answer = pair.app.send(operation).await;
        let is_answer = answer.status.is_success() || answer.status == 404;
        assert!(is_unavailable(&answer) || is_answer, "operation {n}: {}", answer.json());
    }
    assert!(is_unavailable(&pair.app.send(signin_request("ada@example.com", "not the right one")).await));
    pair.app.table.faults.clear();
    assert_eq!(pair.app.send(refresh_request(&ada.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_fault_while_a_used_token_is_judged_revokes_nothing() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    let live = Person::read(&pair.app.send(refresh_request(&ada.refresh)).await);
    pair.app.table.faults.add(Fault::unavailable());
    for token in [&ada.refresh, &live.refresh] {
        assert!(is_unavailable(&pair.app.send(refresh_request(token)).await));
    }
    pair.app.clock.advance(Duration::from_mins(2));
    assert!(is_unavailable(&pair.app.send(refresh_request(&live.refresh)).await));
    pair.app.table.faults.clear();
    assert_eq!(pair.app.send(refresh_request(&live.refresh)).await.status, 200);
}

#[tokio::test]
async fn what_was_read_within_the_minute_is_answered_without_the_table() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    let check = || bare("POST", "/v1/permissions/check", &ada).json(&json!({"permission": "products:read"}));
    assert_eq!(pair.app.send(check()).await.json()["allowed"], true);
    pair.app.table.faults.add(Fault::unavailable());
    for _ in 0..2 {
        assert_eq!(pair.app.send(check()).await.json()["allowed"], true);
        assert_eq!(pair.app.send(bare("GET", "/v1/session", &ada)).await.status, 200);
        pair.app.clock.advance(Duration::from_millis(59_999));
        assert_eq!(pair.app.send(check()).await.json()["allowed"], true);
        pair.app.clock.advance(Duration::from_millis(1));
        assert!(is_unavailable(&pair.app.send(check()).await), "neither a yes nor a no");
        assert!(is_unavailable(&pair.app.send(bare("GET", "/v1/session", &ada)).await));
        pair.app.table.faults.clear();
        assert_eq!(pair.app.send(check()).await.json()["allowed"], true, "the table is back");
        pair.app.table.faults.add(Fault::unavailable());
    }
}

#[tokio::test]
async fn keys_are_served_from_memory_and_never_made_anew() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    let keys = async || pair.app.send(TestRequest::get("/.well-known/jwks.json")).await;
    let before = keys().await.json();
    pair.app.table.faults.add(Fault::unavailable());
    pair.app.clock.advance(Duration::from_hours(1));
    let during = keys().await;
    assert_eq!((during.status.as_u16(), during.json()), (200, before.clone()));
    pair.app.table.faults.clear();
    assert_eq!(keys().await.json(), before);
    assert_eq!(pair.app.send(refresh_request(&ada.refresh)).await.status, 200);
}

#[tokio::test]
async fn a_process_that_starts_without_a_table_has_no_keys_and_says_so() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    let app = pair.another();
    app.table.faults.add(Fault::unavailable());
    for request in [
        TestRequest::get("/.well-known/jwks.json"),
        bare("GET", "/v1/session", &ada),
        signin_request("ada@example.com", PASSWORD),
    ] {
        let answer = app.send(request).await;
        assert!(is_unavailable(&answer), "{} {}", answer.status, answer.json());
    }
    app.table.faults.clear();
    assert_eq!(app.send(bare("GET", "/v1/authorize?signed_in=true&fresh=true", &ada)).await.status, 204);
}

#[tokio::test]
async fn health_tells_the_operator() {
    let pair = Pair::new().await;
    pair.app.table.faults.add(Fault::unavailable());
    let answer = pair.app.send(TestRequest::get("/health")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        (answer.text("stores.table").as_str(), answer.text("stores.counters").as_str()),
        ("unavailable", "ok")
    );
    pair.app.table.faults.clear();
    pair.app.clock.advance(Duration::from_secs(5));
    assert_eq!(pair.app.send(TestRequest::get("/health")).await.status, 200);
}

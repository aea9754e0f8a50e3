//! Whether an address has an account is told to nobody who does not know its password.

use std::sync::atomic::Ordering;

use http::HeaderMap;
use latchkey_core::account::{Authority, Status};
use latchkey_core::audit::Requester;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, Person, credentials, open_app, sign_up};
use serde_json::Value;

/// An answer without what differs between any two.
fn comparable(answer: &latchkey_testkit::TestResponse) -> (u16, HeaderMap, Value) {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    let mut body = answer.json();
    body.as_object_mut().expect("a problem").remove("request_id");
    (answer.status.as_u16(), headers, body)
}

async fn disable(app: &TestApp, user: &Person) {
    let (id, nowhere) = (user.id.parse().unwrap(), Requester::default());
    let services = &app.services;
    services.users.set_status(id, Status::Disabled, Authority::Operator, &nowhere).await.expect("disabled");
}

#[tokio::test]
async fn asvs_6_3_8_a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let app = open_app();
    for email in ["known@example.com", "locked@example.com"] {
        sign_up(&app, email).await;
    }
    let disabled = sign_up(&app, "disabled@example.com").await;
    disable(&app, &disabled).await;
    for _ in 0..5 {
        app.send(TestRequest::post("/v1/signin", &credentials("locked@example.com", "wrong password"))).await;
    }
    let mut answers = Vec::new();
    for email in ["unknown@example.com", "known@example.com", "locked@example.com", "disabled@example.com"] {
        app.hashes.take();
        app.trips.take();
        let answer = app.send(TestRequest::post("/v1/signin", &credentials(email, "wrong password"))).await;
        assert_eq!(answer.code(), "invalid_credentials", "{email}");
        answers.push((comparable(&answer), app.hashes.take(), app.trips.take(), email));
    }
    let (answer, hashes, trips, _) = &answers[0];
    assert_eq!(*hashes, 1);
    for (other, others_hashes, others_trips, email) in &answers[1..] {
        assert_eq!(other, answer, "{email}");
        assert_eq!(others_hashes, hashes, "{email}: password hashes");
        assert_eq!(others_trips, trips, "{email}: store round trips");
    }
}

/// By what the hasher is asked to do, which is what takes the time. Parameters change over the years, and hashes stay.
#[tokio::test]
async fn a_sign_in_takes_the_same_work_whatever_its_account_was_hashed_with() {
    let table = latchkey_testkit::memory_table();
    let process = |strength, seed| {
        let builder = TestApp::builder().var("LATCHKEY_LIMITS", "off").var("LATCHKEY_ARGON2", strength);
        builder.table(std::sync::Arc::clone(&table)).seed(seed).build(latchkey_all::function())
    };
    let (cheap, app) = (process("m=32,t=1,p=1", 1), process("m=256,t=2,p=1", 2));
    for (at, email) in [(&cheap, "cheap"), (&cheap, "locked"), (&app, "current")] {
        sign_up(at, &format!("{email}@example.com")).await;
    }
    for name in ["cheap-disabled", "disabled"] {
        let at = if name.starts_with("cheap") { &cheap } else { &app };
        disable(at, &sign_up(at, &format!("{name}@example.com")).await).await;
    }
    for _ in 0..5 {
        app.send(TestRequest::post("/v1/signin", &credentials("locked@example.com", "wrong password"))).await;
    }
    let work = async |email: &str, password: &str| {
        app.hash_work.store(0, Ordering::SeqCst);
        app.send(TestRequest::post("/v1/signin", &credentials(&format!("{email}@example.com"), password)))
            .await;
        app.hash_work.load(Ordering::SeqCst)
    };
    for (name, password) in [
        ("unknown", "wrong password"),
        ("current", "wrong password"),
        ("current", PASSWORD),
        ("cheap", "wrong password"),
        ("locked", "wrong password"),
        ("locked", PASSWORD),
        ("disabled", PASSWORD),
        ("cheap-disabled", PASSWORD),
        ("cheap-disabled", "wrong password"),
    ] {
        assert_eq!(work(name, password).await, 512, "{name} with {password}");
    }
}

#[tokio::test]
async fn asvs_6_3_8_the_limits_count_known_and_unknown_addresses_alike() {
    let known = latchkey_tests::support::app();
    sign_up(&known, "user@example.com").await;
    let unknown = latchkey_tests::support::app();
    for n in 0..6 {
        let guess = || TestRequest::post("/v1/signin", &credentials("user@example.com", "wrong password"));
        let (one, other) = (known.send(guess()).await, unknown.send(guess()).await);
        assert_eq!(comparable(&one), comparable(&other), "{n}");
    }
}

#[tokio::test]
async fn a_lock_or_a_ban_is_told_to_the_owner_only() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    disable(&app, &user).await;
    let with = |password: &str| TestRequest::post("/v1/signin", &credentials("user@example.com", password));
    assert_eq!(app.send(with("wrong password")).await.code(), "invalid_credentials");
    assert_eq!(app.send(with(PASSWORD)).await.code(), "account_disabled");
}

#[tokio::test]
async fn a_refresh_token_of_a_revoked_session_and_one_that_never_was_get_the_same_answer() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let other = sign_up(&app, "other@example.com").await;
    let signed_out = TestRequest::new(http::Method::POST, "/v1/signout").bearer(&user.access);
    assert_eq!(app.send(signed_out).await.status, 204);
    disable(&app, &other).await;
    let refresh =
        |token: &str| TestRequest::post("/v1/token/refresh", &serde_json::json!({ "refresh_token": token }));
    let never = comparable(&app.send(refresh("nonsense")).await);
    assert_eq!(never.2["code"], "invalid_refresh_token");
    for token in [&user.refresh, &other.refresh, &user.access] {
        assert_eq!(comparable(&app.send(refresh(token)).await), never);
    }
}

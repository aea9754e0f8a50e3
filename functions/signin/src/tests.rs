//! `POST /v1/signin`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use latchkey_core::account::{Authority, Login, SignUp, Status};
use latchkey_core::audit::{Action, Actor, Requester};
use latchkey_core::password::Password;
use latchkey_core::port::Clock as _;
use latchkey_http::Function;
use latchkey_testkit::identities::{ada, enter};
use latchkey_testkit::people::{PASSWORD, Person, address, events, get, sign_in, sign_up, signin_request};
use latchkey_testkit::{TestApp, TestAppBuilder, TestRequest, TestResponse, memory_table};
use serde_json::json;

/// Sign-in, and the operations that show the effects of its rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_session::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start(operations()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

/// Returns the last moment before `duration` ends.
fn short_of(duration: Duration) -> Duration {
    duration.checked_sub(Duration::from_millis(1)).unwrap()
}

const EMAIL: &str = "ada@example.com";

async fn right(app: &TestApp) -> TestResponse {
    app.send(signin_request(EMAIL, PASSWORD)).await
}

async fn wrong(app: &TestApp) -> TestResponse {
    app.send(signin_request(EMAIL, "not the right one")).await
}

/// Returns the stored login of the account.
async fn stored_login(app: &TestApp) -> Login {
    let key = Login::key(&EMAIL.parse().unwrap());
    let items = app.services.ports.table.get(&[key], app.clock.now()).await.unwrap();
    items[0].as_ref().unwrap().decode().unwrap()
}

/// Returns the hash of the account's password.
async fn stored_hash(app: &TestApp) -> String {
    let login = stored_login(app).await;
    let sealer = &app.services.config.sealer;
    login.credential.unwrap().hash.open(login.user.id, sealer).unwrap().into()
}

#[tokio::test]
async fn a_right_password_begins_a_session_of_its_own() {
    let app = app().await;
    let first = sign_up(&app, EMAIL).await;
    let second = sign_in(&app, EMAIL).await;
    assert_eq!(second.id, first.id);
    assert_ne!(second.session, first.session);
    for person in [&first, &second] {
        assert_eq!(get(&app, "/v1/session", person).await.text("session.id"), person.session);
    }
    assert_eq!(events(&app, Action::SigninSucceeded).await.len(), 1);
}

/// Returns everything that a caller can observe of a response, and the work that it took.
async fn seen(app: &TestApp, email: &str, password: &str) -> (u16, serde_json::Value, HeaderMap, u64, u64) {
    app.trips.take();
    app.hashes.take();
    let response = app.send(signin_request(email, password)).await;
    let mut body = response.json();
    body.as_object_mut().unwrap().remove("request_id");
    let mut headers = response.headers.clone();
    headers.remove("x-request-id");
    (response.status.as_u16(), body, headers, app.trips.take(), app.hashes.take())
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_a_locked_account_get_one_answer_for_one_amount_of_work() {
    let app = app().await;
    sign_up(&app, EMAIL).await;
    let unknown = seen(&app, "eve@example.com", "not the right one").await;
    assert_eq!((unknown.0, unknown.1["code"].as_str()), (401, Some("invalid_credentials")));
    assert_eq!((unknown.3, unknown.4), (2, 1), "a read and a commit, and one hash");
    for n in 0..5 {
        assert_eq!(seen(&app, EMAIL, "not the right one").await, unknown, "{n}");
    }
    assert_eq!(seen(&app, EMAIL, "not the right one").await, unknown, "locked");
    assert_eq!(seen(&app, EMAIL, PASSWORD).await, unknown, "locked, and the right password");
    assert_eq!(events(&app, Action::SigninFailed).await.len(), 5);
    assert_eq!(events(&app, Action::SigninLocked).await.len(), 1);
    let refused = events(&app, Action::SigninRefused).await;
    assert_eq!(refused.len(), 2, "refused without a try");
    assert!(refused.iter().all(|event| event.details["reason"] == "locked"), "{refused:?}");
    stop(&app).await;
    assert_eq!(seen(&app, EMAIL, "not the right one").await, unknown, "stopped");
    assert_eq!(seen(&app, EMAIL, PASSWORD).await, unknown, "stopped, and the right password");
}

/// Sends wrong passwords, after each lock has ended, until no more are tried. Returns the number of tried
/// ones.
async fn stop(app: &TestApp) -> usize {
    let tried = async || {
        let (failed, locked) =
            (events(app, Action::SigninFailed).await, events(app, Action::SigninLocked).await);
        failed.len() + locked.len() + events(app, Action::SigninStopped).await.len()
    };
    let before = tried().await;
    while events(app, Action::SigninStopped).await.is_empty() {
        app.clock.advance(Duration::from_hours(24));
        for _ in 0..5 {
            assert_eq!(wrong(app).await.code(), "invalid_credentials");
        }
    }
    tried().await - before
}

#[tokio::test]
async fn locks_double_from_fifteen_minutes_to_a_day() {
    let app = app().await;
    sign_up(&app, EMAIL).await;
    for minutes in [15, 30, 60, 120, 240, 480, 960, 1440, 1440] {
        for _ in 0..5 {
            wrong(&app).await;
        }
        app.clock.advance(short_of(Duration::from_mins(minutes)));
        assert_eq!(right(&app).await.code(), "invalid_credentials", "{minutes} minutes have not passed");
        app.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(right(&app).await.status, 200);
    for _ in 0..5 {
        wrong(&app).await;
    }
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(right(&app).await.status, 200, "a right password ended the row");
    assert_eq!(events(&app, Action::SigninLocked).await.len(), 10);
}

#[tokio::test]
async fn after_a_hundred_wrong_passwords_none_is_tried_until_an_operator_unlocks_the_account() {
    let app = app().await;
    let ada = sign_up(&app, EMAIL).await;
    assert_eq!(stop(&app).await, 100);
    for _ in 0..3 {
        assert_eq!(right(&app).await.code(), "invalid_credentials");
        app.clock.advance(Duration::from_hours(24 * 365));
    }
    let refused = events(&app, Action::SigninRefused).await;
    assert!(refused.iter().all(|event| event.details["reason"] == "stopped"), "{refused:?}");
    let services = &app.services;
    assert!(services.users.unlock(ada.user_id()).await.unwrap());
    assert!(!services.users.unlock(ada.user_id()).await.unwrap(), "nothing is left to unlock");
    assert_eq!(right(&app).await.status, 200);
    let unlocked = events(&app, Action::SigninUnlocked).await;
    assert_eq!(unlocked.len(), 1);
    assert_eq!((unlocked[0].actor, unlocked[0].user_id), (Actor::Operator, Some(ada.user_id())));
}

#[tokio::test]
async fn a_lock_leaves_sessions_alone() {
    let app = app().await;
    let ada = sign_up(&app, EMAIL).await;
    for _ in 0..6 {
        wrong(&app).await;
    }
    assert_eq!(right(&app).await.code(), "invalid_credentials");
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
}

#[tokio::test]
async fn a_right_password_resets_the_count() {
    let app = app().await;
    sign_up(&app, EMAIL).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(wrong(&app).await.status, 401);
        }
        assert_eq!(right(&app).await.status, 200);
    }
}

#[tokio::test]
async fn a_disabled_account_is_refused_and_only_the_owner_is_told() {
    let app = app().await;
    let ada = sign_up(&app, EMAIL).await;
    let set = async |status| {
        let (by, from) = (Authority::Operator, Requester::default());
        app.services.users.set_status(ada.user_id(), status, by, &from).await.unwrap();
    };
    set(Status::Disabled).await;
    let response = right(&app).await;
    assert_eq!((response.status.as_u16(), response.code().as_str()), (403, "account_disabled"));
    assert_eq!(wrong(&app).await.code(), "invalid_credentials");
    set(Status::Active).await;
    assert_eq!(right(&app).await.status, 200);
    assert_eq!(get(&app, "/v1/session", &ada).await.code(), "session_ended", "old sessions do not come back");
}

#[tokio::test]
async fn a_right_password_is_hashed_anew_when_the_parameters_changed() {
    let table = memory_table();
    let process = |strength, seed| {
        start(TestApp::unlimited().var("LATCHKEY_ARGON2", strength).table(Arc::clone(&table)).seed(seed))
    };
    let (before, after) = (process("m=8,t=1,p=1", 1).await, process("m=16,t=2,p=1", 2).await);
    sign_up(&before, EMAIL).await;
    let first = stored_hash(&before).await;
    assert!(first.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{first}");

    assert_eq!(wrong(&after).await.status, 401);
    assert_eq!(stored_hash(&after).await, first, "only a sign-in has the password to hash");
    assert_eq!(right(&after).await.status, 200);
    let second = stored_hash(&after).await;
    assert!(second.starts_with("$argon2id$v=19$m=16,t=2,p=1$"), "{second}");

    assert_eq!(right(&after).await.status, 200);
    assert_eq!(stored_hash(&after).await, second, "once is enough");
    assert_eq!(wrong(&after).await.status, 401);
}

#[tokio::test]
async fn a_lower_cost_makes_no_hash_weaker() {
    let table = memory_table();
    let process = |strength, seed| {
        start(TestApp::unlimited().var("LATCHKEY_ARGON2", strength).table(Arc::clone(&table)).seed(seed))
    };
    let (before, after) = (process("m=16,t=2,p=1", 1).await, process("m=8,t=1,p=1", 2).await);
    sign_up(&before, EMAIL).await;
    let first = stored_hash(&before).await;
    assert_eq!(right(&after).await.status, 200);
    assert_eq!(stored_hash(&after).await, first);
}

#[tokio::test]
async fn a_hash_that_came_unsealed_is_sealed_when_its_owner_signs_in() {
    let app = start(TestApp::unlimited()).await;
    let sign_up =
        SignUp { email: EMAIL.parse().unwrap(), password: Password::new(&PASSWORD.into()), name: None };
    let checked = app.services.registration.check(sign_up).unwrap();
    app.services.users.create_unsealed(&checked, &std::collections::BTreeSet::new()).await.unwrap();
    let sealer = &app.services.config.sealer;
    let unsealed = stored_login(&app).await.credential.unwrap().hash;
    assert!(serde_json::to_string(&unsealed).unwrap().contains("$argon2id$"));

    assert_eq!(wrong(&app).await.status, 401);
    assert_eq!(stored_login(&app).await.credential.unwrap().hash, unsealed);
    assert_eq!(right(&app).await.status, 200);
    let sealed = stored_login(&app).await;
    let hash = sealed.credential.unwrap().hash;
    assert!(hash.is_current(sealer) && !serde_json::to_string(&hash).unwrap().contains("argon2"));
    assert_eq!(hash.open(sealed.user.id, sealer).unwrap(), unsealed.open(sealed.user.id, sealer).unwrap());
    assert_eq!(right(&app).await.status, 200);
    assert_eq!(stored_login(&app).await.credential.unwrap().hash, hash, "once is enough");
}

#[tokio::test]
async fn a_hash_under_another_secret_is_no_wrong_password() {
    let table = memory_table();
    let process = |secret, seed| {
        start(TestApp::unlimited().var("LATCHKEY_SECRET", secret).table(Arc::clone(&table)).seed(seed))
    };
    let (old, new) =
        ("fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=", "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=");
    let before = process(old, 1).await;
    sign_up(&before, EMAIL).await;
    let both = format!("{new},{old}");
    let after = process(&both, 2).await;
    assert_eq!(right(&after).await.status, 200);
    let login = stored_login(&after).await;
    assert!(login.credential.unwrap().hash.is_current(&after.services.config.sealer), "sealed anew");
    let response = right(&before).await;
    assert_eq!((response.status.as_u16(), response.code().as_str()), (503, "unavailable"));
}

#[tokio::test]
async fn one_address_signs_in_five_times_a_minute() {
    let app = start(TestApp::builder()).await;
    sign_up(&app, EMAIL).await;
    for _ in 0..5 {
        assert_eq!(right(&app).await.status, 200);
    }
    let response = right(&app).await;
    assert_eq!((response.status.as_u16(), response.header("retry-after")), (429, "60"));
    let elsewhere = app.send(signin_request(EMAIL, PASSWORD).peer(Some(address(1)))).await;
    assert_eq!(Person::read(&elsewhere).email, EMAIL);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(right(&app).await.status, 200);
}

/// OWASP ASVS 7.2.4: a sign-in ends the earlier session of the same browser.
#[tokio::test]
async fn signing_in_again_in_the_same_browser_ends_the_session_it_had() {
    let app = TestApp::new(operations());
    let body = json!({"email": "ada@example.com", "password": "violet harbour tundra"});
    let made = app.send(TestRequest::post("/v1/signup", &body)).await;
    let first = cookie(made.set_cookie(ACCESS).unwrap());
    let again = TestRequest::post("/v1/signin", &body)
        .header("cookie", &format!("{ACCESS}={first}"))
        .header("sec-fetch-site", "same-origin");
    let signed_in = app.send(again).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
    let old = TestRequest::get("/v1/session").header("cookie", &format!("{ACCESS}={first}"));
    assert_eq!(app.send(old).await.code(), "session_ended");
    let second = cookie(signed_in.set_cookie(ACCESS).unwrap());
    let new = TestRequest::get("/v1/session").header("cookie", &format!("{ACCESS}={second}"));
    assert_eq!(app.send(new).await.status, 200);
}

/// The access cookie is gone after 15 minutes, but the refresh cookie still names the session.
#[tokio::test]
async fn signing_in_again_after_the_access_cookie_expired_ends_the_session_too() {
    let app = TestApp::new(operations());
    let body = json!({"email": "ada@example.com", "password": "violet harbour tundra"});
    let made = app.send(TestRequest::post("/v1/signup", &body)).await;
    let refresh = format!("{REFRESH}={}", cookie(made.set_cookie(REFRESH).unwrap()));
    app.clock.advance(Duration::from_mins(16));
    let again = TestRequest::post("/v1/signin", &body)
        .header("cookie", &refresh)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(app.send(again).await.status, 200);
    let old = TestRequest::post("/v1/token/refresh", &json!({}))
        .header("cookie", &refresh)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(app.send(old).await.code(), "invalid_refresh_token");
}

const ACCESS: &str = "__Host-latchkey-access";
const REFRESH: &str = "__Host-latchkey-refresh";

/// Returns the cookie's name and value without its attributes.
fn cookie(set: &str) -> &str {
    set.split(';').next().unwrap_or_default()
}

#[tokio::test]
async fn an_account_without_a_password_refuses_one_like_a_wrong_one() {
    let app = app().await;
    enter(&app, &ada()).await.unwrap();
    app.hashes.take();
    let answer = right(&app).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "invalid_credentials"));
    assert_eq!(app.hashes.take(), 1, "at the same cost");
}

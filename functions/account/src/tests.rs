//! The caller's own account.

use std::time::Duration;

use latchkey_core::account::{DeleteError, ManageError};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::session::Freshness;
use latchkey_http::Function;
use latchkey_testkit::identities::{ada, enter};
use latchkey_testkit::people::{
    PASSWORD, Person, admin, bare, events, get, refresh, send, send_json, sign_in, sign_up, signin_request,
};
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use serde_json::{Value, json};

const EMAIL: &str = "ada@example.com";
const NEW_PASSWORD: &str = "lantern orchard mosaic";

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

fn change(current: &str, new: &str) -> Value {
    json!({ "current_password": current, "new_password": new, "transport": "bearer" })
}

async fn change_password(app: &TestApp, person: &Person, body: &Value) -> TestResponse {
    send_json(app, "POST", "/v1/password/change", person, body).await
}

async fn update(app: &TestApp, person: &Person, body: &Value) -> TestResponse {
    send_json(app, "PATCH", "/v1/me", person, body).await
}

fn assert_refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
}

#[tokio::test]
async fn an_account_shows_the_ways_to_sign_in() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    let shown = get(&app, "/v1/me", &person).await.json();
    assert_eq!(
        (&shown["email"], &shown["has_password"], &shown["providers"]),
        (&json!(EMAIL), &json!(true), &json!([]))
    );
    let person = enter(&app, &ada()).await.unwrap().person;
    let shown = get(&app, "/v1/me", &person).await.json();
    assert_eq!((&shown["has_password"], &shown["providers"]), (&json!(false), &json!(["github"])));
    assert_refused(&app.send(TestRequest::get("/v1/me")).await, 401, "not_signed_in");
}

#[tokio::test]
async fn a_name_is_changed_removed_and_left_alone() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    assert_eq!(update(&app, &person, &json!({ "name": " Ada " })).await.text("name"), "Ada");
    assert_eq!(update(&app, &person, &json!({})).await.text("name"), "Ada");
    assert_eq!(get(&app, "/v1/me", &person).await.text("name"), "Ada");
    assert!(update(&app, &person, &json!({ "name": null })).await.json().get("name").is_none());
    assert_eq!(events(&app, Action::UserUpdated).await.len(), 2, "an empty change writes no event");
    assert_refused(&update(&app, &person, &json!({ "name": "" })).await, 422, "invalid_name");
    assert_refused(
        &update(&app, &person, &json!({ "email": "b@example.com" })).await,
        422,
        "invalid_request",
    );
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_begins_another() {
    let app = app().await;
    let (first, second) = (sign_up(&app, EMAIL).await, sign_in(&app, EMAIL).await);
    let changed = change_password(&app, &first, &change(PASSWORD, NEW_PASSWORD)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    let third = Person::read(&changed);
    assert_ne!(third.session, first.session);
    assert_eq!(get(&app, "/v1/me", &third).await.status, 200);
    assert!(refresh(&app, &third.refresh).await.status.is_success());
    for ended in [&first, &second] {
        assert_eq!(get(&app, "/v1/me", ended).await.status, 401);
        assert_refused(&refresh(&app, &ended.refresh).await, 401, "invalid_refresh_token");
    }
    assert_refused(&app.send(signin_request(EMAIL, PASSWORD)).await, 401, "invalid_credentials");
    assert_eq!(app.send(signin_request(EMAIL, NEW_PASSWORD)).await.status, 200);
    assert_eq!(events(&app, Action::PasswordChanged).await.len(), 1);
}

#[tokio::test]
async fn a_browser_gets_its_new_session_in_cookies() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = change_password(&app, &person, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    assert!(changed.set_cookie("__Host-latchkey-access").is_some());
    assert!(changed.json().get("access_token").is_none());
}

#[tokio::test]
async fn a_wrong_current_password_counts_like_one_at_sign_in() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    let wrong = change("not the right one", NEW_PASSWORD);
    for _ in 0..5 {
        assert_refused(&change_password(&app, &person, &wrong).await, 403, "wrong_password");
    }
    assert_eq!(
        (events(&app, Action::SigninFailed).await.len(), events(&app, Action::SigninLocked).await.len()),
        (4, 1)
    );
    let right = change(PASSWORD, NEW_PASSWORD);
    assert_refused(&change_password(&app, &person, &right).await, 403, "wrong_password");
    let refused = events(&app, Action::SigninRefused).await;
    assert_eq!(refused[0].details["reason"], "locked");
    assert!(events(&app, Action::AuthorityRefused).await.is_empty(), "each refusal is one event");
    assert_refused(&app.send(signin_request(EMAIL, PASSWORD)).await, 401, "invalid_credentials");
    assert_eq!(get(&app, "/v1/me", &person).await.status, 200, "the session goes on");
    app.clock.advance(Duration::from_mins(15));
    let person = sign_in(&app, EMAIL).await;
    assert_eq!(change_password(&app, &person, &right).await.status, 200);
}

#[tokio::test]
async fn a_change_that_names_no_current_password_is_refused() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    let body = json!({ "new_password": NEW_PASSWORD, "transport": "bearer" });
    assert_refused(&change_password(&app, &person, &body).await, 403, "wrong_password");
    assert_eq!(events(&app, Action::AuthorityRefused).await.len(), 1);
    assert_eq!(app.send(signin_request(EMAIL, PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_weak_new_password_changes_nothing() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    for weak in ["password", EMAIL, "aaaaaaaaaa"] {
        assert_refused(&change_password(&app, &person, &change(PASSWORD, weak)).await, 422, "weak_password");
    }
    assert_eq!(app.send(signin_request(EMAIL, PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn a_change_is_limited_like_a_sign_in() {
    let app = TestApp::builder().start(operations()).await;
    let person = sign_up(&app, EMAIL).await;
    for _ in 0..5 {
        change_password(&app, &person, &change("not the right one", NEW_PASSWORD)).await;
    }
    assert_refused(
        &change_password(&app, &person, &change(PASSWORD, NEW_PASSWORD)).await,
        429,
        "rate_limited",
    );
}

#[tokio::test]
async fn an_account_without_a_password_gets_one_soon_after_a_sign_in() {
    let app = app().await;
    let person = enter(&app, &ada()).await.unwrap().person;
    let body = json!({ "new_password": NEW_PASSWORD, "transport": "bearer" });
    app.clock.advance(Duration::from_mins(10) + Duration::from_millis(1));
    assert_refused(&change_password(&app, &person, &body).await, 403, "reauthentication_required");
    let person = enter(&app, &ada()).await.unwrap().person;
    assert_eq!(change_password(&app, &person, &body).await.status, 200);
    assert_eq!(app.send(signin_request(EMAIL, NEW_PASSWORD)).await.status, 200);
    assert_eq!(
        enter(&app, &ada()).await.unwrap().person.id,
        person.id,
        "the provider still leads to the account"
    );
}

#[tokio::test]
async fn of_two_changes_at_once_one_succeeds() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    let other = sign_in(&app, EMAIL).await;
    let (one, two) = (change(PASSWORD, NEW_PASSWORD), change(PASSWORD, "cobalt meadow piccolo"));
    let (one, two) = tokio::join!(change_password(&app, &person, &one), change_password(&app, &other, &two));
    let succeeded = [&one, &two].into_iter().filter(|answer| answer.status == 200).count();
    assert_eq!(succeeded, 1, "{} {}", one.json(), two.json());
    assert_eq!(events(&app, Action::PasswordChanged).await.len(), 1);
}

#[tokio::test]
async fn a_deleted_account_leaves_a_free_address_and_no_session() {
    let app = app().await;
    let (first, second) = (sign_up(&app, EMAIL).await, sign_in(&app, EMAIL).await);
    let deleted = send(&app, "DELETE", "/v1/me", &first).await;
    assert_eq!(deleted.status, 204);
    assert!(deleted.set_cookie("__Host-latchkey-access").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    for person in [&first, &second] {
        assert_eq!(get(&app, "/v1/me", person).await.status, 401);
        assert_refused(&refresh(&app, &person.refresh).await, 401, "invalid_refresh_token");
    }
    assert_refused(&app.send(signin_request(EMAIL, PASSWORD)).await, 401, "invalid_credentials");
    assert_ne!(sign_up(&app, EMAIL).await.id, first.id);
    assert_eq!(events(&app, Action::UserDeleted).await.len(), 1);
}

/// The session is judged before the deletion reads the account: one that ends in between must not delete.
#[tokio::test]
async fn a_session_that_ended_meanwhile_changes_nothing() {
    let app = app().await;
    let (thief, owner) = (sign_up(&app, EMAIL).await, sign_in(&app, EMAIL).await);
    let live = app.services.sessions.authenticate(&thief.access, Freshness::Fresh).await.unwrap();
    let ended = send(&app, "DELETE", &format!("/v1/sessions/{}", thief.session), &owner).await;
    assert_eq!(ended.status, 204);
    let (own, nowhere) = (&app.services.own_account, Requester::default());
    let deleted = own.delete(&live, &nowhere).await;
    assert!(matches!(deleted, Err(DeleteError::Manage(ManageError::Ended))), "{deleted:?}");
    let renamed = own.rename(&live, None, &nowhere).await;
    assert!(matches!(renamed, Err(ManageError::Ended)), "{renamed:?}");
    assert_eq!(get(&app, "/v1/me", &owner).await.status, 200);
}

#[tokio::test]
async fn a_deletion_needs_a_recent_sign_in() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    app.clock.advance(Duration::from_mins(10) + Duration::from_millis(1));
    assert_refused(&send(&app, "DELETE", "/v1/me", &person).await, 403, "reauthentication_required");
    let person = sign_in(&app, EMAIL).await;
    assert_eq!(send(&app, "DELETE", "/v1/me", &person).await.status, 204);
}

#[tokio::test]
async fn the_last_admin_cannot_leave() {
    let app = app().await;
    let person = admin(&app, EMAIL).await;
    assert_refused(&send(&app, "DELETE", "/v1/me", &person).await, 409, "last_admin");
    admin(&app, "grace@example.com").await;
    assert_eq!(app.send(bare("DELETE", "/v1/me", &person)).await.status, 204);
}

#[tokio::test]
async fn each_costs_few_trips_to_the_store() {
    let app = app().await;
    let person = sign_up(&app, EMAIL).await;
    app.trips.take();
    get(&app, "/v1/me", &person).await;
    assert_eq!(app.trips.take(), 3, "the session; the user; login and identities");
    update(&app, &person, &json!({ "name": "Ada" })).await;
    assert_eq!(app.trips.take(), 5, "and the session again, the commit");
    change_password(&app, &person, &change(PASSWORD, NEW_PASSWORD)).await;
    assert_eq!(app.trips.take(), 5, "the session, the user, the login, the session again, the commit");
}

//! Taking an identity away.

use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_testkit::identities::{ada, ada_at_google, enter, link};
use latchkey_testkit::people::{Person, events, get, send, sign_up};
use latchkey_testkit::{TestApp, TestResponse};

use super::app;

async fn delete(app: &TestApp, path: &str, person: &Person) -> TestResponse {
    send(app, "DELETE", path, person).await
}

#[tokio::test]
async fn an_identity_that_was_taken_away_lets_nobody_in_and_is_free() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    link(&app, &owner, &ada()).await.unwrap();
    assert_eq!(delete(&app, "/v1/identities/github", &owner).await.status, 204);
    let listed = get(&app, "/v1/identities", &owner).await;
    assert_eq!(listed.json()["identities"].as_array().unwrap().len(), 0);
    let event = &events(&app, Action::IdentityUnlinked).await[0];
    assert_eq!(event.user_id.unwrap().to_string(), owner.id);
    let other = enter(&app, &ada()).await.unwrap();
    assert!(other.created && other.id().to_string() != owner.id);
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let answer = delete(&app, "/v1/identities/github", &made.person).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "last_way_in"));
    assert_eq!(events(&app, Action::IdentityRefused).await[0].details["reason"], "last_way_in");
    link(&app, &made.person, &ada_at_google()).await.unwrap();
    assert_eq!(delete(&app, "/v1/identities/github", &made.person).await.status, 204);
    let answer = delete(&app, "/v1/identities/google", &made.person).await;
    assert_eq!(answer.code(), "last_way_in");
}

#[tokio::test]
async fn an_identity_that_is_not_linked_is_not_found() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    for path in ["/v1/identities/google", "/v1/identities/GitHub", "/v1/identities/a%2Fb"] {
        assert_eq!(delete(&app, path, &made.person).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn unlinking_needs_a_sign_in_within_ten_minutes() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    link(&app, &owner, &ada()).await.unwrap();
    app.clock.advance(Duration::from_mins(10) + Duration::from_millis(1));
    let answer = delete(&app, "/v1/identities/github", &owner).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "reauthentication_required"));
    let again = enter(&app, &ada()).await.unwrap();
    assert_eq!(delete(&app, "/v1/identities/github", &again.person).await.status, 204);
}

#[tokio::test]
async fn the_identity_that_is_left_alone_leads_the_profile_again() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    link(&app, &made.person, &ada_at_google()).await.unwrap();
    assert_eq!(delete(&app, "/v1/identities/github", &made.person).await.status, 204);
    let mut renamed = ada_at_google();
    renamed.name = Some("Countess Ada".to_owned());
    let again = enter(&app, &renamed).await.unwrap();
    assert_eq!(again.user.name.as_ref().unwrap().as_str(), "Countess Ada");
    assert_eq!(app.services.users.find(made.id()).await.unwrap(), Some(again.user.clone()));
    assert_eq!(app.services.users.find_by_email(&again.user.email).await.unwrap(), Some(again.user));
}

//! The account of a sign-in with a provider, as its owner sees it.

use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_core::oauth::ExternalIdentity;
use latchkey_testkit::TestApp;
use latchkey_testkit::identities::{ada, enter};
use latchkey_testkit::people::{events, get};
use serde_json::json;

use super::operations;

async fn app() -> TestApp {
    TestApp::unlimited().start(operations()).await
}

#[tokio::test]
async fn the_first_sign_in_makes_an_account() {
    let app = app().await;
    let ada = enter(&app, &ada()).await.unwrap();
    assert!(ada.created);
    let answer = get(&app, "/v1/session", &ada.person).await;
    let user = &answer.json()["user"];
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["handle"], "adalovelace");
    assert_eq!(user["avatar"], "https://pictures.example/ada.png");
    assert_eq!(user["roles"], json!(["user"]));
    let made = events(&app, Action::SignupSucceeded).await;
    assert_eq!((made.len(), made[0].user_id), (1, Some(ada.id())));
    assert_eq!(made[0].details["provider"], "github");
    assert_eq!(app.services.users.find(ada.id()).await.unwrap(), Some(ada.user.clone()));
    assert_eq!(app.services.users.find_by_email(&ada.user.email).await.unwrap(), Some(ada.user));
}

#[tokio::test]
async fn the_next_sign_in_is_to_the_same_account() {
    let app = app().await;
    let first = enter(&app, &ada()).await.unwrap();
    app.clock.advance(Duration::from_mins(5));
    let second = enter(&app, &ada()).await.unwrap();
    assert!(!second.created);
    assert_eq!((second.id(), second.user.handle), (first.id(), first.user.handle));
    let answer = get(&app, "/v1/identities", &second.person).await;
    let linked = answer.json()["identities"][0].clone();
    assert_ne!(linked["linked_at"], linked["last_sign_in"]);
    let signed_in = events(&app, Action::SigninSucceeded).await;
    assert_eq!((signed_in.len(), signed_in[0].details["provider"].as_str()), (1, "github"));
}

#[tokio::test]
async fn a_new_name_and_picture_at_the_provider_show_in_the_account() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let mut renamed = ada();
    renamed.name = Some("Countess Ada".to_owned());
    renamed.avatar = Some("https://pictures.example/countess.png".to_owned());
    renamed.username = Some("countess".to_owned());
    // Values that the provider does not mention stay.
    let silent = ExternalIdentity { name: None, avatar: None, username: None, verified_email: None, ..ada() };
    for renamed in [&renamed, &silent] {
        let again = enter(&app, renamed).await.unwrap();
        let user = get(&app, "/v1/session", &again.person).await.json()["user"].clone();
        assert_eq!(user["name"], "Countess Ada");
        assert_eq!(user["avatar"], "https://pictures.example/countess.png");
        let known = get(&app, "/v1/identities", &again.person).await.json()["identities"][0].clone();
        assert_eq!((&known["username"], &known["email"]), (&json!("countess"), &json!("ada@example.com")));
        assert_eq!(user["handle"], "adalovelace", "a handle stays");
        let copy = app.services.users.find_by_email(&made.user.email).await.unwrap();
        assert_eq!(copy, app.services.users.find(made.id()).await.unwrap());
    }
}

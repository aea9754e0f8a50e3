//! Signing in with a provider.

use latchkey_core::account::IdentityError;
use latchkey_core::audit::Action;
use latchkey_core::oauth::ExternalIdentity;
use serde_json::json;

use crate::support::{ada, app, enter, events, external, get, item, sign_in};

#[tokio::test]
async fn the_first_sign_in_makes_an_account() {
    let app = app().await;
    let ada = enter(&app, &ada()).await.unwrap();
    assert!(ada.created);
    let answer = get(&app, "/v1/session", &ada.access).await;
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
    app.clock.advance(std::time::Duration::from_mins(5));
    let second = enter(&app, &ada()).await.unwrap();
    assert!(!second.created);
    assert_eq!((second.id(), second.user.handle), (first.id(), first.user.handle));
    let answer = get(&app, "/v1/identities", &second.access).await;
    let linked = answer.json()["identities"][0].clone();
    assert_ne!(linked["linked_at"], linked["last_sign_in"]);
    let signed_in = events(&app, Action::SigninSucceeded).await;
    assert_eq!((signed_in.len(), signed_in[0].details["provider"].as_str()), (1, "github"));
}

#[tokio::test]
async fn an_identity_is_an_issuer_and_a_subject_and_nothing_else() {
    let app = app().await;
    let first = enter(&app, &external("github", "1815", "ada@example.com")).await.unwrap();
    // The operator pointed the provider at another issuer, where the same subject is another person.
    let stranger = ExternalIdentity {
        issuer: "https://other.example".parse().unwrap(),
        ..external("github", "1815", "stranger@example.com")
    };
    let stranger = enter(&app, &stranger).await.unwrap();
    assert!(stranger.created && stranger.id() != first.id());
    // The operator called it by another name.
    let renamed = ExternalIdentity { provider: "hub".parse().unwrap(), ..ada() };
    assert_eq!(enter(&app, &renamed).await.unwrap().id(), first.id());
    let others = [
        external("google", "1815", "ada2@example.com"),
        external("github", "1816", "ada3@example.com"),
        external("github", "1815 ", "ada4@example.com"),
    ];
    for other in others {
        let other = enter(&app, &other).await.unwrap();
        assert!(other.created && other.id() != first.id());
    }
}

#[tokio::test]
async fn the_verified_address_of_an_account_is_not_entered_by_another_provider() {
    let app = app().await;
    let owner = enter(&app, &ada()).await.unwrap();
    let refused = enter(&app, &external("google", "77", "ada@example.com")).await;
    assert!(matches!(refused, Err(IdentityError::AccountExists)));
    let listed = get(&app, "/v1/identities", &owner.access).await.json();
    assert_eq!(listed["identities"].as_array().unwrap().len(), 1);
    let refusal = &events(&app, Action::SignupRefused).await[0];
    assert_eq!(refusal.details["reason"], "account_exists");
}

#[tokio::test]
async fn without_a_confirmed_address_no_account_is_made_but_a_known_identity_signs_in() {
    let app = app().await;
    let mut nameless = ada();
    nameless.verified_email = None;
    let refused = enter(&app, &nameless).await;
    assert!(matches!(refused, Err(IdentityError::NoVerifiedEmail)));
    assert_eq!(events(&app, Action::SignupRefused).await[0].details["reason"], "no_verified_email");
    assert!(app.services.users.list(10, None).await.unwrap().users.is_empty());

    let made = enter(&app, &ada()).await.unwrap();
    assert_eq!(enter(&app, &nameless).await.unwrap().id(), made.id());
}

#[tokio::test]
async fn another_address_at_the_provider_does_not_move_the_account() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let bob = enter(&app, &external("github", "2", "bob@example.com")).await.unwrap();
    for email in ["new@example.com", "bob@example.com"] {
        let again = enter(&app, &external("github", "1815", email)).await.unwrap();
        assert_eq!((again.id(), again.user.email.as_str()), (made.id(), "ada@example.com"));
    }
    assert_eq!(app.services.users.find(bob.id()).await.unwrap(), Some(bob.user));
}

#[tokio::test]
async fn a_new_name_and_picture_at_the_provider_show_in_the_account() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let mut renamed = ada();
    renamed.name = Some("Countess Ada".to_owned());
    renamed.avatar = Some("https://pictures.example/countess.png".to_owned());
    renamed.username = Some("countess".to_owned());
    // What the provider does not mention stays.
    let silent = ExternalIdentity { name: None, avatar: None, username: None, verified_email: None, ..ada() };
    for renamed in [&renamed, &silent] {
        let again = enter(&app, renamed).await.unwrap();
        let user = get(&app, "/v1/session", &again.access).await.json()["user"].clone();
        assert_eq!(user["name"], "Countess Ada");
        assert_eq!(user["avatar"], "https://pictures.example/countess.png");
        let known = get(&app, "/v1/identities", &again.access).await.json()["identities"][0].clone();
        assert_eq!((&known["username"], &known["email"]), (&json!("countess"), &json!("ada@example.com")));
        assert_eq!(user["handle"], "adalovelace", "a handle stays");
        let copy = app.services.users.find_by_email(&made.user.email).await.unwrap();
        assert_eq!(copy, app.services.users.find(made.id()).await.unwrap());
    }
}

#[tokio::test]
async fn with_a_second_way_in_no_provider_changes_the_account() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    crate::support::link(&app, &made.access, &external("google", "7", "ada@gmail.example")).await.unwrap();
    let mut renamed = ada();
    renamed.name = Some("Countess Ada".to_owned());
    let again = enter(&app, &renamed).await.unwrap();
    assert_eq!(again.user.name.as_ref().unwrap().as_str(), "Ada Lovelace");
    let listed = get(&app, "/v1/identities", &again.access).await.json();
    assert_eq!(listed["identities"][0]["name"], "Countess Ada", "what the provider says is kept there");
    assert_eq!(app.services.users.find(made.id()).await.unwrap(), Some(again.user));
}

#[tokio::test]
async fn what_a_provider_says_is_never_taken_unseen() {
    let app = app().await;
    let mut strange = ada();
    strange.name = Some(format!("\u{0}\r\n{}", "x".repeat(5000)));
    strange.avatar = Some("javascript:alert(1)".to_owned());
    strange.username = Some("<script>".to_owned());
    let made = enter(&app, &strange).await.unwrap();
    assert_eq!(made.user.name.unwrap().as_str(), "x".repeat(100));
    assert_eq!((made.user.avatar, made.user.handle.unwrap().as_str()), (None, "script"));
}

#[tokio::test]
async fn the_password_sign_in_of_such_an_account_is_refused_like_a_wrong_one() {
    let app = app().await;
    enter(&app, &ada()).await.unwrap();
    app.hashes.take();
    let answer = sign_in(&app, "ada@example.com").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "invalid_credentials"));
    assert_eq!(app.hashes.take(), 1, "at the same cost");
}

#[tokio::test]
async fn no_subject_stands_in_a_key() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let github = "github".parse().unwrap();
    let key = latchkey_core::account::Identity::key(&made.user.identities[&github]);
    assert!(!key.to_string().contains("1815"));
    assert!(item(&app, key).await.unwrap().contains("1815"));
}

#[tokio::test]
async fn items_written_before_there_were_identities_are_read() {
    let user = json!({
        "id": "0195f2a0-7c1e-7b3a-8f00-0123456789ab", "email": "old@example.com", "email_verified": false,
        "status": "active", "roles": ["user"], "epoch": 3, "created_at": 1_767_225_600_000_i64,
    });
    let login = json!({ "user": user, "credential": null });
    let read: latchkey_core::account::Login = serde_json::from_value(login.clone()).unwrap();
    assert!(read.user.identities.is_empty() && read.user.handle.is_none());
    assert_eq!(serde_json::to_value(&read).unwrap(), login, "and written as before");
}

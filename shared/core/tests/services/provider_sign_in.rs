//! Signing in with a provider.

use latchkey_core::account::{Identity, IdentityError, Login};
use latchkey_core::audit::Action;
use latchkey_core::oauth::ExternalIdentity;
use latchkey_testkit::identities::{ada, enter, link, profiled};
use latchkey_testkit::people::events;
use latchkey_testkit::stored::item;
use serde_json::json;

use crate::app;

#[tokio::test]
async fn an_identity_is_an_issuer_and_a_subject_and_nothing_else() {
    let app = app().await;
    let first = enter(&app, &profiled("github", "1815", "ada@example.com")).await.unwrap();
    // The operator pointed the provider at another issuer, where the same subject is another person.
    let stranger = ExternalIdentity {
        issuer: "https://other.example".parse().unwrap(),
        ..profiled("github", "1815", "stranger@example.com")
    };
    let stranger = enter(&app, &stranger).await.unwrap();
    assert!(stranger.created && stranger.id() != first.id());
    // The operator called it by another name.
    let renamed = ExternalIdentity { provider: "hub".parse().unwrap(), ..ada() };
    assert_eq!(enter(&app, &renamed).await.unwrap().id(), first.id());
    let others = [
        profiled("google", "1815", "ada2@example.com"),
        profiled("github", "1816", "ada3@example.com"),
        profiled("github", "1815 ", "ada4@example.com"),
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
    let refused = enter(&app, &profiled("google", "77", "ada@example.com")).await;
    assert!(matches!(refused, Err(IdentityError::AccountExists)));
    assert_eq!(app.services.identities.list(&owner.user).await.unwrap().len(), 1);
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
    let bob = enter(&app, &profiled("github", "2", "bob@example.com")).await.unwrap();
    for email in ["new@example.com", "bob@example.com"] {
        let again = enter(&app, &profiled("github", "1815", email)).await.unwrap();
        assert_eq!((again.id(), again.user.email.as_str()), (made.id(), "ada@example.com"));
    }
    assert_eq!(app.services.users.find(bob.id()).await.unwrap(), Some(bob.user));
}

#[tokio::test]
async fn with_a_second_way_in_no_provider_changes_the_account() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    link(&app, &made.person, &profiled("google", "7", "ada@gmail.example")).await.unwrap();
    let mut renamed = ada();
    renamed.name = Some("Countess Ada".to_owned());
    let again = enter(&app, &renamed).await.unwrap();
    assert_eq!(again.user.name.as_ref().unwrap().as_str(), "Ada Lovelace");
    let listed = app.services.identities.list(&again.user).await.unwrap();
    let name = listed[0].profile.name.as_ref().unwrap();
    assert_eq!(name.as_str(), "Countess Ada", "the identity keeps what its provider says");
    assert_eq!(app.services.users.find(made.id()).await.unwrap(), Some(again.user));
}

#[tokio::test]
async fn a_profile_of_a_provider_is_cleaned_before_it_is_stored() {
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
async fn no_key_names_a_subject() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let github = "github".parse().unwrap();
    let key = Identity::key(&made.user.identities[&github]);
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
    let read: Login = serde_json::from_value(login.clone()).unwrap();
    assert!(read.user.identities.is_empty() && read.user.handle.is_none());
    assert_eq!(serde_json::to_value(&read).unwrap(), login, "and written as before");
}

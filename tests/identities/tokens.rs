//! The refresh tokens of providers.

use std::sync::Arc;

use latchkey_core::ExposeSecret;
use latchkey_core::account::{Authority, Identity, ProviderRefreshToken, Status, VaultError};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::seal::{Purpose, Sealed};
use latchkey_testkit::{TestApp, memory_table};
use serde_json::Value;

use crate::support::{Entered, ada, enter, enter_with, events, get, item, start};

async fn keeping() -> TestApp {
    let builder = TestApp::builder().var("LATCHKEY_PROVIDER_TOKENS", "keep").var("LATCHKEY_LIMITS", "off");
    start(builder.build(latchkey_all::function())).await
}

fn grant(token: &str) -> ProviderRefreshToken {
    ProviderRefreshToken { refresh_token: token.into() }
}

async fn kept(app: &TestApp, person: &Entered) -> Result<String, VaultError> {
    let kept =
        app.services.token_vault.kept(person.id(), &"github".parse().unwrap(), Authority::Operator).await?;
    Ok(kept.refresh_token.refresh_token.expose_secret().to_owned())
}

async fn stored(app: &TestApp, person: &Entered) -> Value {
    let provider = "github".parse().unwrap();
    let key = Identity::key(&person.user.identities[&provider]);
    serde_json::from_str(&item(app, key).await.unwrap()).unwrap()
}

#[tokio::test]
async fn they_are_kept_only_when_the_operator_says_so() {
    let app = crate::support::app().await;
    let ada = enter_with(&app, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    assert!(stored(&app, &ada).await["grant"].is_null());
    assert!(matches!(kept(&app, &ada).await, Err(VaultError::NotKept)));
}

#[tokio::test]
async fn what_was_kept_goes_when_it_is_to_be_kept_no_more() {
    let table = memory_table();
    let app = |kept: &str, seed| {
        let builder = TestApp::builder().var("LATCHKEY_PROVIDER_TOKENS", kept).seed(seed);
        start(builder.table(Arc::clone(&table)).build(latchkey_all::function()))
    };
    let (keeps, drops) = (app("keep", 1).await, app("drop", 2).await);
    let person = enter_with(&keeps, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    assert!(matches!(kept(&drops, &person).await, Err(VaultError::NotKept)), "nor is it given out");
    enter(&drops, &ada()).await.unwrap();
    assert!(stored(&keeps, &person).await["grant"].is_null());
}

#[tokio::test]
async fn they_rest_sealed_and_show_nowhere() {
    let app = keeping().await;
    let ada = enter_with(&app, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    let body = stored(&app, &ada).await;
    assert!(!body.to_string().contains("refresh-1"));
    assert_eq!(kept(&app, &ada).await.unwrap(), "refresh-1");
    assert!(!format!("{:?}", grant("refresh-1")).contains("refresh-1"));
    let listed = get(&app, "/v1/identities", &ada.access).await.json().to_string();
    assert!(!listed.contains("grant") && !listed.contains("refresh"), "{listed}");
    // Bound to its user: under another's identifier it does not open.
    let sealed: Sealed = serde_json::from_value(body["grant"].clone()).unwrap();
    let open = |user: String| {
        let bound = format!("{user}\0https://github.com/login/oauth\x001815");
        app.services.config.sealer.open(Purpose::new("provider-refresh-token"), bound.as_bytes(), &sealed)
    };
    assert_eq!(open(ada.id().to_string()).unwrap().as_slice(), b"refresh-1");
    assert!(open("0195f2a0-7c1e-7b3a-8f00-0123456789ab".to_owned()).is_err());
}

#[tokio::test]
async fn a_sign_in_without_one_leaves_it_and_one_with_another_replaces_it() {
    let app = keeping().await;
    let person = enter_with(&app, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    enter(&app, &ada()).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-1");
    enter_with(&app, &ada(), Some(&grant("refresh-2"))).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    enter_with(&app, &ada(), Some(&grant(&"x".repeat(9000)))).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::NotKept)), "one of that length is not kept");
}

#[tokio::test]
async fn the_token_that_took_its_place_is_kept_unless_a_newer_came_meanwhile() {
    let app = keeping().await;
    let services = &app.services;
    let person = enter_with(&app, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    let (provider, from) = ("github".parse().unwrap(), Requester::default());
    let read = services.token_vault.kept(person.id(), &provider, Authority::Operator).await.unwrap();
    // An account that changed in between is no obstacle.
    let role = "content-editor".parse().unwrap();
    services.users.grant_role(person.id(), &role, Authority::Operator, &from).await.unwrap();
    services.token_vault.used(&read, Some(&grant("refresh-2")), person.id(), &from).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    assert!(enter(&app, &ada()).await.unwrap().user.roles.contains(&role));
    services.token_vault.used(&read, Some(&grant("refresh-3")), person.id(), &from).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    assert_eq!(events(&app, Action::ProviderTokenIssued).await.len(), 2);
}

#[tokio::test]
async fn a_disabled_account_gives_none_and_an_unlinked_identity_neither() {
    let app = keeping().await;
    let person = enter_with(&app, &ada(), Some(&grant("refresh-1"))).await.unwrap();
    let from = Requester::default();
    let services = &app.services;
    services.users.set_status(person.id(), Status::Disabled, Authority::Operator, &from).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::Disabled)));
    services.users.delete(person.id(), Authority::Operator, &from).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::NotKept)));
    let again = enter(&app, &ada()).await.unwrap();
    assert!(matches!(kept(&app, &again).await, Err(VaultError::NotKept)), "a new account has no old token");
}

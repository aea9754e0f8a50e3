//! The refresh tokens of providers that are stored.

use std::sync::Arc;

use latchkey_core::ExposeSecret;
use latchkey_core::account::{Authority, Identity, Status, VaultError};
use latchkey_core::audit::{Action, Requester};
use latchkey_testkit::identities::{Entered, ada, enter, enter_with, provider_token};
use latchkey_testkit::people::events;
use latchkey_testkit::stored::item;
use latchkey_testkit::{TestApp, memory_table};
use serde_json::Value;

use crate::{app, start};

async fn keeping() -> TestApp {
    start(TestApp::unlimited().var("LATCHKEY_PROVIDER_TOKENS", "keep")).await
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
async fn refresh_tokens_are_kept_only_where_the_operator_says_so() {
    let app = app().await;
    let ada = enter_with(&app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    assert!(stored(&app, &ada).await["grant"].is_null());
    assert!(matches!(kept(&app, &ada).await, Err(VaultError::NotKept)));
}

#[tokio::test]
async fn a_kept_token_goes_where_the_operator_keeps_none_any_more() {
    let table = memory_table();
    let app = |kept: &str, seed| {
        let builder = TestApp::builder().var("LATCHKEY_PROVIDER_TOKENS", kept).seed(seed);
        start(builder.table(Arc::clone(&table)))
    };
    let (keeps, drops) = (app("keep", 1).await, app("drop", 2).await);
    let person = enter_with(&keeps, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    assert!(matches!(kept(&drops, &person).await, Err(VaultError::NotKept)), "nor is it given out");
    enter(&drops, &ada()).await.unwrap();
    assert!(stored(&keeps, &person).await["grant"].is_null());
}

#[tokio::test]
async fn a_sign_in_without_one_leaves_it_and_one_with_another_replaces_it() {
    let app = keeping().await;
    let person = enter_with(&app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    enter(&app, &ada()).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-1");
    enter_with(&app, &ada(), Some(&provider_token("refresh-2"))).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    enter_with(&app, &ada(), Some(&provider_token(&"x".repeat(9000)))).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::NotKept)), "one of that length is not kept");
}

#[tokio::test]
async fn the_next_token_is_kept_unless_a_newer_came_meanwhile() {
    let app = keeping().await;
    let services = &app.services;
    let person = enter_with(&app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    let (provider, from) = ("github".parse().unwrap(), Requester::default());
    let read = services.token_vault.kept(person.id(), &provider, Authority::Operator).await.unwrap();
    // An account that changed in between is no obstacle.
    let role = "content-editor".parse().unwrap();
    services.users.grant_role(person.id(), &role, Authority::Operator, &from).await.unwrap();
    services.token_vault.used(&read, Some(&provider_token("refresh-2")), person.id(), &from).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    assert!(enter(&app, &ada()).await.unwrap().user.roles.contains(&role));
    services.token_vault.used(&read, Some(&provider_token("refresh-3")), person.id(), &from).await.unwrap();
    assert_eq!(kept(&app, &person).await.unwrap(), "refresh-2");
    assert_eq!(events(&app, Action::ProviderTokenIssued).await.len(), 2);
}

#[tokio::test]
async fn a_disabled_account_gives_none_and_an_unlinked_identity_neither() {
    let app = keeping().await;
    let person = enter_with(&app, &ada(), Some(&provider_token("refresh-1"))).await.unwrap();
    let from = Requester::default();
    let services = &app.services;
    services.users.set_status(person.id(), Status::Disabled, Authority::Operator, &from).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::Disabled)));
    services.users.delete(person.id(), Authority::Operator, &from).await.unwrap();
    assert!(matches!(kept(&app, &person).await, Err(VaultError::NotKept)));
    let again = enter(&app, &ada()).await.unwrap();
    assert!(matches!(kept(&app, &again).await, Err(VaultError::NotKept)), "a new account has no old token");
}

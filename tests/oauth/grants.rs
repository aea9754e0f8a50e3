//! What a provider gives to act for a person later: asked for, kept and renewed only where the operator wants it.

use latchkey_core::ExposeSecret;
use latchkey_core::account::ProviderRefreshToken;
use latchkey_core::oauth::StartError;
use latchkey_testkit::provider::{Fault, ISSUER};

use crate::support::{World, world, world_of};

fn keeping() -> World {
    let world = world_of(|app| app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_PROVIDER_TOKENS", "keep"));
    world.provider.edit().shape.scopes = "openid email profile offline_access";
    world
}

async fn refresh(world: &World, token: &str) -> Result<(String, Option<String>), String> {
    let grant = ProviderRefreshToken { refresh_token: token.into() };
    let tokens =
        world.app.services.oauth.refresh(&"acme".parse().unwrap(), &ISSUER.parse().unwrap(), &grant).await;
    let tokens = tokens.map_err(|error| error.to_string())?;
    let renewed = tokens.renewed.map(|grant| grant.refresh_token.expose_secret().to_owned());
    Ok((tokens.access_token.expose_secret().to_owned(), renewed))
}

#[tokio::test]
async fn a_refresh_token_is_asked_for_only_where_it_is_kept() {
    let world = keeping();
    assert_eq!(world.sign_in().await.status, 303);
    let location = crate::support::world().browser().start("acme", "").await;
    assert!(!location.contains("offline_access"), "{location}");
}

#[tokio::test]
async fn it_is_renewed_with_client_authentication_and_rotates() {
    let world = keeping();
    world.sign_in().await;
    let renewed = refresh(&world, "provider-refresh-1").await;
    assert_eq!(renewed, Ok(("provider-access".to_owned(), Some("provider-refresh-2".to_owned()))));
    let form = world.provider.forms().pop().unwrap();
    assert_eq!(
        (form["grant_type"].as_str(), form["refresh_token"].as_str()),
        ("refresh_token", "provider-refresh-1")
    );
    assert!(!form.contains_key("client_secret"), "the secret is in its header");
}

#[tokio::test]
async fn one_that_the_provider_withdrew_is_told_apart_from_a_provider_in_trouble() {
    let world = world();
    let refused = refresh(&world, "another").await.unwrap_err();
    assert!(refused.contains("refused the code"), "{refused}");
    world.provider.edit().faults.insert(format!("{ISSUER}/token"), Fault::Timeout);
    let failed = refresh(&world, "provider-refresh-1").await.unwrap_err();
    assert!(failed.contains("no response within"), "{failed}");
}

#[tokio::test]
async fn the_refresh_token_of_a_former_issuer_is_sent_nowhere() {
    let world = keeping();
    let former = "https://former.example".parse().unwrap();
    let grant = ProviderRefreshToken { refresh_token: "provider-refresh-1".into() };
    let refused = world.app.services.oauth.refresh(&"acme".parse().unwrap(), &former, &grant).await;
    assert!(matches!(refused, Err(StartError::AnotherIssuer)));
    assert!(world.provider.forms().is_empty());
}

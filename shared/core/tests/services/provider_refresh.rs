//! Refresh tokens of providers, as providers renew and refuse them.

use latchkey_core::ExposeSecret;
use latchkey_core::oauth::StartError;
use latchkey_testkit::identities::provider_token;
use latchkey_testkit::provider::{Fault, ISSUER};
use latchkey_testkit::{Function, World};

fn keeping() -> World {
    World::new(Function::default(), |app| app.var("LATCHKEY_PROVIDER_TOKENS", "keep"))
}

async fn refresh(world: &World, token: &str) -> Result<(String, Option<String>), String> {
    let (acme, issuer) = ("acme".parse().unwrap(), ISSUER.parse().unwrap());
    let tokens = world.app.services.oauth.refresh(&acme, &issuer, &provider_token(token)).await;
    let tokens = tokens.map_err(|error| error.to_string())?;
    let renewed = tokens.renewed.map(|token| token.refresh_token.expose_secret().to_owned());
    Ok((tokens.access_token.expose_secret().to_owned(), renewed))
}

#[tokio::test]
async fn a_refresh_token_is_renewed_with_client_authentication_and_rotates() {
    let world = keeping();
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
async fn a_refresh_token_that_the_provider_withdrew_is_told_apart_from_a_provider_in_trouble() {
    let world = World::unlimited(Function::default());
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
    let token = provider_token("provider-refresh-1");
    let refused = world.app.services.oauth.refresh(&"acme".parse().unwrap(), &former, &token).await;
    assert!(matches!(refused, Err(StartError::AnotherIssuer)));
    assert!(world.provider.forms().is_empty());
}

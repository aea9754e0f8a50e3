//! `GET /.well-known/jwks.json`: tokens verify with an implementation of JWT that is not ours.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use latchkey_harness::{Request, Result};
use serde_json::{Value, json};

use crate::Trial;

cases![a_token_verifies_offline, there_is_no_private_part, discovery_leads_there];

/// The claims of a token, if a stock client that has the key set accepts it.
fn verify(token: &str, set: &JwkSet, issuer: &str) -> Result<Value> {
    let refused = |error: jsonwebtoken::errors::Error| format!("a token does not verify: {error}");
    let header = decode_header(token).map_err(refused)?;
    ensure_eq!(header.typ.as_deref(), Some("at+jwt"));
    let found = header.kid.as_deref().and_then(|kid| set.find(kid));
    let found = found.ok_or_else(|| "its key is not published".to_owned())?;
    let key = DecodingKey::from_jwk(found).map_err(refused)?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[issuer]);
    Ok(decode::<Value>(token, &key, &validation).map_err(refused)?.claims)
}

fn a_token_verifies_offline(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let set: JwkSet = serde_json::from_slice(&t.send(Request::get("/.well-known/jwks.json"))?.ok(200)?.body)?;
    let claims = verify(&ada.access, &set, &t.place.issuer)?;
    ensure_eq!((claims["sub"].as_str(), claims["sid"].as_str()), (Some(&*ada.id), Some(&*ada.session)));
    ensure_eq!(claims["roles"], json!(["user"]));
    let life = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(end, start)| end - start);
    ensure_eq!(life, Some(900));
    ensure!(claims["jti"].is_string(), "no jti: {claims}");

    let other = t.sign_in(&ada)?;
    let (signed, _) = ada.access.rsplit_once('.').unwrap_or_default();
    let (_, signature) = other.access.rsplit_once('.').unwrap_or_default();
    let forged = verify(&format!("{signed}.{signature}"), &set, &t.place.issuer);
    ensure!(forged.is_err(), "any signature passes");
    ensure!(verify(&ada.access, &set, "https://other.example").is_err(), "any issuer passes");
    Ok(())
}

fn there_is_no_private_part(t: &Trial<'_>) -> Result {
    let answer = t.send(Request::get("/.well-known/jwks.json"))?.ok(200)?;
    ensure_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = answer.list("keys")?;
    ensure!(keys.len() >= 2, "the current and the next key: {}", keys.len());
    for key in keys {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            ensure!(key[member].is_null(), "a key shows its {member}");
        }
        ensure_eq!(key["use"], json!("sig"));
    }
    Ok(())
}

fn discovery_leads_there(t: &Trial<'_>) -> Result {
    let answer = t.send(Request::get("/.well-known/openid-configuration"))?.ok(200)?;
    ensure_eq!(answer.text("jwks_uri"), format!("{}/.well-known/jwks.json", answer.text("issuer")));
    ensure!(!answer.json().to_string().contains("\"none\""), "it offers tokens without a signature");
    Ok(())
}

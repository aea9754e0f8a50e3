//! What API Gateway's own JWT authorizer asks for: a discovery document under the issuer, and an RSA key of the token's `kid`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::sign_up;
use serde_json::Value;

fn part(token: &str, place: usize) -> Value {
    let text = token.split('.').nth(place).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn discovery_leads_to_the_key_of_an_rs256_token() {
    let app = TestApp::builder().var("LATCHKEY_SIGNING_ALG", "RS256").build(latchkey_all::function());
    let token = sign_up(&app, "ada@example.com").await.access;
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let document = app.send(TestRequest::get("/.well-known/openid-configuration")).await;
    assert_eq!(document.status, 200);
    // Compared as texts.
    let issuer = claims["iss"].as_str().expect("an issuer");
    assert_eq!(document.text("issuer"), issuer);
    assert!(!issuer.ends_with('/') && claims["aud"].is_string(), "{claims}");
    let keys = document.text("jwks_uri");
    let keys = app.send(TestRequest::get(keys.strip_prefix(issuer).expect("under the issuer"))).await.json();
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key that signed");
    assert_eq!((&header["alg"], &key["alg"], &key["kty"]), (&"RS256".into(), &"RS256".into(), &"RSA".into()));
    assert!(key["n"].is_string() && key["e"].is_string(), "{key}");
    // One of another kind would be there for nothing, and API Gateway says nothing about it.
    assert!(keys.iter().all(|key| key["kty"] == "RSA"), "{keys:?}");
}

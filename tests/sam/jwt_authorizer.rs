//! What API Gateway's own JWT authorizer does with a token, by what it fetches from the issuer: it takes RS256 and nothing else,
//! from the key of the token's `kid`, for its issuer, its audience, and until its end.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use latchkey_core::Timestamp;
use latchkey_testkit::{TestApp, TestRequest, URL};
use latchkey_tests::support::sign_up;
use serde_json::{Value, json};

/// An authorizer as `Issuer` and `Audience` configure it.
struct Authorizer<'a> {
    issuer: &'a TestApp,
    audience: &'a str,
}

impl Authorizer<'_> {
    async fn fetch(&self, url: &str) -> Value {
        let path = url.strip_prefix(URL).expect("under the issuer");
        let answer = self.issuer.send(TestRequest::get(path)).await;
        assert_eq!(answer.status, 200, "{url}");
        answer.json()
    }

    /// The claims of a token that it takes, else why not.
    async fn admit(&self, token: &str) -> Result<Value, String> {
        let document = self.fetch(&format!("{URL}/.well-known/openid-configuration")).await;
        // Compared as texts.
        assert_eq!(document["issuer"], URL);
        let keys = self.fetch(document["jwks_uri"].as_str().expect("a URL")).await;
        let keys: JwkSet = serde_json::from_value(keys).expect("a JSON Web Key Set");
        let kid = decode_header(token).map_err(|error| error.to_string())?.kid.ok_or("no kid")?;
        let key = keys.find(&kid).ok_or("no such key")?;
        let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[URL]);
        validation.set_audience(&[self.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        // By the clock of the test.
        validation.validate_exp = false;
        let claims = decode::<Value>(token, &key, &validation).map_err(|error| error.to_string())?.claims;
        let time = |claim: &str| claims[claim].as_i64().map(Timestamp::from_secs).ok_or("no time");
        let now = self.issuer.services.ports.clock.now();
        match (time("iat")?, time("exp")?) {
            (begin, _) if begin > now => Err("not yet".to_owned()),
            (_, end) if end <= now => Err("over".to_owned()),
            _ => Ok(claims),
        }
    }
}

fn issuer(algorithm: &str, seed: u64) -> TestApp {
    let builder = TestApp::builder().var("LATCHKEY_SIGNING_ALG", algorithm).seed(seed);
    builder.var("LATCHKEY_AUDIENCE", "https://api.example.com").build(latchkey_all::function())
}

#[tokio::test]
async fn it_takes_an_rs256_token_until_it_ends() {
    let app = issuer("RS256", 1);
    let authorizer = Authorizer { issuer: &app, audience: "https://api.example.com" };
    let ada = sign_up(&app, "ada@example.com").await;
    let claims = authorizer.admit(&ada.access).await.expect("it is taken");
    assert_eq!(claims["sub"], ada.id);
    assert_eq!(claims["roles"], json!(["user"]));
    app.clock.advance(std::time::Duration::from_secs(15 * 60 - 1));
    authorizer.admit(&ada.access).await.expect("it is taken to the last second");
    app.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(authorizer.admit(&ada.access).await, Err("over".to_owned()));
}

#[tokio::test]
async fn it_takes_tokens_of_the_key_before_and_the_key_after_a_rotation() {
    let app = issuer("RS256", 1);
    let authorizer = Authorizer { issuer: &app, audience: "https://api.example.com" };
    let before = sign_up(&app, "ada@example.com").await.access;
    latchkey_operator::operate(&app.services, json!({ "command": "rotate-keys" })).await.expect("it rotates");
    let after = sign_up(&app, "eve@example.com").await.access;
    let kid = |token: &str| decode_header(token).expect("a header").kid;
    assert_ne!(kid(&before), kid(&after));
    for token in [before, after] {
        authorizer.admit(&token).await.expect("it is taken");
    }
}

#[tokio::test]
async fn it_refuses_what_is_for_others_by_others_or_changed() {
    let (app, stranger) = (issuer("RS256", 1), issuer("RS256", 2));
    let token = sign_up(&app, "ada@example.com").await.access;
    let elsewhere = Authorizer { issuer: &app, audience: "https://other.example.com" };
    assert_eq!(elsewhere.admit(&token).await, Err("InvalidAudience".to_owned()));
    let authorizer = Authorizer { issuer: &app, audience: "https://api.example.com" };
    let foreign = sign_up(&stranger, "ada@example.com").await.access;
    assert_eq!(authorizer.admit(&foreign).await, Err("no such key".to_owned()));
    let [own, other]: [Vec<&str>; 2] = [&token, &foreign].map(|token| token.split('.').collect());
    let mixed = format!("{}.{}.{}", own[0], other[1], own[2]);
    assert_eq!(authorizer.admit(&mixed).await, Err("InvalidSignature".to_owned()));
}

#[tokio::test]
async fn it_takes_no_other_algorithm() {
    for algorithm in ["EdDSA", "ES256"] {
        let app = issuer(algorithm, 1);
        let authorizer = Authorizer { issuer: &app, audience: "https://api.example.com" };
        let token = sign_up(&app, "ada@example.com").await.access;
        assert_eq!(authorizer.admit(&token).await, Err("InvalidAlgorithm".to_owned()), "{algorithm}");
    }
}

#[tokio::test]
async fn every_key_of_an_rs256_service_is_one_that_it_reads() {
    let app = issuer("RS256", 1);
    sign_up(&app, "ada@example.com").await;
    let keys = app.send(TestRequest::get("/.well-known/jwks.json")).await.json();
    let keys = keys["keys"].as_array().expect("keys");
    // One of another kind would be there for nothing, and API Gateway says nothing about it.
    assert!(
        !keys.is_empty() && keys.iter().all(|key| key["kty"] == "RSA" && key["alg"] == "RS256"),
        "{keys:?}"
    );
}

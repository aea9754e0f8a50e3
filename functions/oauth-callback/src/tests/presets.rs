//! Each built-in provider against the form of its documented answers, with values of our own.

use std::collections::BTreeMap;

use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, Granted, ProviderKey, Shape};
use latchkey_testkit::{Browser, TestAppBuilder, TestRequest, TestResponse, World, query};
use serde_json::{Value, json};

use super::world_at;

pub fn vars(app: TestAppBuilder, prefix: &str) -> TestAppBuilder {
    app.var("LATCHKEY_LIMITS", "off")
        .var(&format!("{prefix}_CLIENT_ID"), CLIENT_ID)
        .var(&format!("{prefix}_CLIENT_SECRET"), CLIENT_SECRET)
}

fn shape(authorization: &str, token: &str, scopes: &'static str) -> Shape {
    Shape {
        authorization: authorization.to_owned(),
        token: token.to_owned(),
        issuer: None,
        documents: BTreeMap::new(),
        jwks: None,
        scopes,
        basic: false,
        pkce: true,
        extra: json!({}),
    }
}

fn openid(shape: Shape, issuer: &str, jwks: &str) -> Shape {
    Shape { issuer: Some(issuer.to_owned()), jwks: Some(jwks.to_owned()), ..shape }
}

pub fn github() -> Shape {
    let user = json!({
        "login": "ada-l", "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "type": "User", "name": "Ada Lovelace",
        "avatar_url": "https://avatars.githubusercontent.com/u/583231?v=4", "email": null, "site_admin": false,
    });
    let emails = json!([
        { "email": "old@example.com", "primary": false, "verified": true, "visibility": null },
        { "email": "ada@example.com", "primary": true, "verified": true, "visibility": "private" },
    ]);
    let documents = BTreeMap::from([
        ("https://api.github.com/user".to_owned(), user),
        ("https://api.github.com/user/emails".to_owned(), emails),
    ]);
    let extra = json!({ "token_type": "bearer", "scope": "user:email" });
    let shape = shape(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "user:email",
    );
    Shape { documents, extra, ..shape }
}

fn discord() -> Shape {
    let user = json!({
        "id": "80351110224678912", "username": "ada", "discriminator": "0", "global_name": "Ada", "verified": true,
        "email": "ada@example.com", "avatar": "8342729096ea3675442027381ff50dfe", "flags": 64, "locale": "en-US",
    });
    let documents = BTreeMap::from([("https://discord.com/api/v10/users/@me".to_owned(), user)]);
    let shape = shape(
        "https://discord.com/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        "identify email",
    );
    Shape { documents, ..shape }
}

fn google() -> Shape {
    let shape = shape(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "openid email profile",
    );
    openid(shape, "https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs")
}

fn linkedin() -> Shape {
    let shape = shape(
        "https://www.linkedin.com/oauth/v2/authorization",
        "https://www.linkedin.com/oauth/v2/accessToken",
        "openid email profile",
    );
    let shape = openid(shape, "https://www.linkedin.com/oauth", "https://www.linkedin.com/oauth/openid/jwks");
    Shape { pkce: false, ..shape }
}

fn microsoft() -> Shape {
    let base = "https://login.microsoftonline.com";
    let shape = shape(
        &format!("{base}/common/oauth2/v2.0/authorize"),
        &format!("{base}/common/oauth2/v2.0/token"),
        "openid email profile",
    );
    openid(shape, &format!("{base}/{TENANT}/v2.0"), &format!("{base}/common/discovery/v2.0/keys"))
}

fn apple() -> Shape {
    let shape = shape(
        "https://appleid.apple.com/auth/authorize",
        "https://appleid.apple.com/auth/token",
        "openid name email",
    );
    openid(shape, "https://appleid.apple.com", "https://appleid.apple.com/auth/keys")
}

const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

async fn begin<'a>(world: &'a World, name: &str) -> (Browser<'a>, Granted) {
    let mut browser = world.browser();
    let location = browser.start(name, "").await;
    assert!(world.provider.requests().is_empty(), "a known provider is not asked where it is");
    (browser, world.provider.authorize(&location))
}

async fn come_back(browser: &mut Browser<'_>, name: &str, granted: &Granted) -> TestResponse {
    browser.callback(name, &[("code", &granted.code), ("state", &granted.state)]).await
}

/// Signs in at `name`; who that is here.
async fn person(world: &World, name: &str) -> Value {
    let (mut browser, granted) = begin(world, name).await;
    let answer = come_back(&mut browser, name, &granted).await;
    assert_eq!(answer.status, 303, "{name}: {}", answer.json());
    browser.get("/v1/session").await.json()["user"].clone()
}

async fn refusal(world: &World, name: &str) -> (u16, String) {
    let mut browser = world.browser();
    let granted = world.provider.authorize(&browser.start(name, "").await);
    let answer = come_back(&mut browser, name, &granted).await;
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn google_gives_an_id_token() {
    let world = world_at(google(), |app| vars(app, "GOOGLE"));
    world.provider.edit().claims = json!({
        "azp": CLIENT_ID, "sub": "110169484474386276334", "email": "ada@example.com", "email_verified": true,
        "name": "Ada Lovelace", "picture": "https://lh3.googleusercontent.com/a-/x=s96-c", "given_name": "Ada", "hd": "example.com",
    });
    let user = person(&world, "google").await;
    assert_eq!(
        (user["email"].as_str(), user["name"].as_str()),
        (Some("ada@example.com"), Some("Ada Lovelace"))
    );
    assert_eq!(world.provider.take_round_trips(), 2, "tokens, and keys the first time");
    assert!(!world.provider.forms()[0].contains_key("access_type"));
}

#[tokio::test]
async fn github_s_primary_verified_e_mail_comes_from_its_own_api() {
    let world = world_at(github(), |app| vars(app, "GITHUB"));
    let user = person(&world, "github").await;
    assert_eq!(
        (user["email"].as_str(), user["name"].as_str()),
        (Some("ada@example.com"), Some("Ada Lovelace"))
    );
    assert_eq!(world.provider.take_round_trips(), 2, "user and e-mails at once");
    assert_eq!(world.provider.requests().len(), 3);
}

#[tokio::test]
async fn github_without_a_verified_primary_e_mail_or_with_an_odd_id_lets_nobody_in() {
    let world = world_at(github(), |app| vars(app, "GITHUB"));
    let set = |url: &str, pointer: &str, value: Value| {
        let mut provider = world.provider.edit();
        *provider.shape.documents.get_mut(url).unwrap().pointer_mut(pointer).unwrap() = value;
    };
    set("https://api.github.com/user/emails", "/1/verified", json!(false));
    assert_eq!(refusal(&world, "github").await, (403, "no_verified_email".to_owned()));
    set("https://api.github.com/user/emails", "/1/verified", json!(true));
    set("https://api.github.com/user/emails", "/1/primary", json!(false));
    assert_eq!(refusal(&world, "github").await, (403, "no_verified_email".to_owned()));
    for id in [json!("583231"), json!(null), json!(-1), json!(1.5), json!([1])] {
        set("https://api.github.com/user", "/id", id);
        assert_eq!(refusal(&world, "github").await, (502, "provider_failed".to_owned()));
    }
}

#[tokio::test]
async fn github_s_issuer_is_compared_where_it_is_sent() {
    let world = world_at(github(), |app| vars(app, "GITHUB"));
    for (iss, status) in
        [("https://evil.example", 400), ("https://github.com", 400), ("https://github.com/login/oauth", 303)]
    {
        let mut browser = world.browser();
        let granted = world.provider.authorize(&browser.start("github", "").await);
        let parameters = [("code", granted.code.as_str()), ("state", &granted.state), ("iss", iss)];
        assert_eq!(browser.callback("github", &parameters).await.status, status, "{iss}");
    }
}

#[tokio::test]
async fn discord_s_person_is_in_its_api() {
    let world = world_at(discord(), |app| vars(app, "DISCORD"));
    let user = person(&world, "discord").await;
    assert_eq!((user["email"].as_str(), user["name"].as_str()), (Some("ada@example.com"), Some("Ada")));
    assert_eq!(world.provider.take_round_trips(), 2);
}

#[tokio::test]
async fn discord_without_a_verified_e_mail_or_with_an_odd_id_lets_nobody_in() {
    let world = world_at(discord(), |app| vars(app, "DISCORD"));
    let set = |name: &str, value: Value| {
        let mut provider = world.provider.edit();
        provider.shape.documents.get_mut("https://discord.com/api/v10/users/@me").unwrap()[name] = value;
    };
    set("verified", json!(false));
    assert_eq!(refusal(&world, "discord").await, (403, "no_verified_email".to_owned()));
    set("verified", json!(true));
    for id in [json!(80_351_110), json!(""), json!("../x"), json!(null)] {
        set("id", id);
        assert_eq!(refusal(&world, "discord").await, (502, "provider_failed".to_owned()));
    }
}

#[tokio::test]
async fn linkedin_takes_no_verifier_and_returns_no_nonce() {
    let world = world_at(linkedin(), |app| vars(app, "LINKEDIN"));
    world.provider.edit().claims = json!({
        "sub": "782bbtaQ", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "locale": "en_US",
        "picture": "https://media.licdn.com/x", "email": "ada@example.com", "email_verified": "true",
    });
    let userinfo = |verified: Value| {
        let mut info = world.provider.edit().claims.clone();
        info["email_verified"] = verified;
        let url = "https://api.linkedin.com/v2/userinfo".to_owned();
        world.provider.edit().shape.documents.insert(url, info);
    };
    userinfo(json!("true"));
    assert_eq!(refusal(&world, "linkedin").await, (403, "no_verified_email".to_owned()));
    userinfo(json!(true));
    let mut browser = world.browser();
    let granted = world.provider.authorize(&browser.start("linkedin", "").await);
    assert_eq!(come_back(&mut browser, "linkedin", &granted).await.status, 303);
    assert_eq!(browser.get("/v1/session").await.text("user.email"), "ada@example.com");
}

#[tokio::test]
async fn microsoft_s_tenants_are_issuers_and_its_e_mails_need_a_verified_domain() {
    let world = world_at(microsoft(), |app| vars(app, "MICROSOFT"));
    let claims = json!({
        "ver": "2.0", "tid": TENANT, "oid": "00000000-0000-0000-66f3-3332eca7ea81", "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "name": "Ada Lovelace", "preferred_username": "ada@example.com", "email": "ada@example.com",
    });
    world.provider.edit().claims = claims.clone();
    // Any administrator may write any address there.
    assert_eq!(refusal(&world, "microsoft").await, (403, "no_verified_email".to_owned()));
    for other in
        [json!("00000000-0000-0000-0000-000000000000"), json!(null), json!("{tenantid}"), json!("..")]
    {
        world.provider.edit().claims["tid"] = other;
        assert_eq!(refusal(&world, "microsoft").await, (502, "identity_refused".to_owned()));
    }
    world.provider.edit().claims = claims;
    for verified in [json!(1), json!("1"), json!("true")] {
        world.provider.edit().claims["xms_edov"] = verified;
        assert_eq!(refusal(&world, "microsoft").await, (403, "no_verified_email".to_owned()));
    }
    for _ in 0..2 {
        world.provider.edit().claims["xms_edov"] = json!(true);
        let mut browser = world.browser();
        let granted = world.provider.authorize(&browser.start("microsoft", "").await);
        assert_eq!(come_back(&mut browser, "microsoft", &granted).await.status, 303);
    }
}

#[tokio::test]
async fn one_tenant_of_microsoft_is_one_issuer() {
    let mut shape = microsoft();
    for url in [&mut shape.authorization, &mut shape.token] {
        *url = url.replace("/common/", &format!("/{TENANT}/"));
    }
    shape.jwks = shape.jwks.map(|url| url.replace("/common/", &format!("/{TENANT}/")));
    let world = world_at(shape, |app| vars(app, "MICROSOFT").var("MICROSOFT_TENANT", TENANT));
    world.provider.edit().claims =
        json!({ "tid": TENANT, "sub": "x", "email": "ada@example.com", "xms_edov": true });
    assert_eq!(person(&world, "microsoft").await["email"], "ada@example.com");
    let other = "00000000-0000-0000-0000-000000000000";
    world.provider.edit().shape.issuer = Some(format!("https://login.microsoftonline.com/{other}/v2.0"));
    world.provider.edit().claims["tid"] = json!(other);
    assert_eq!(refusal(&world, "microsoft").await, (502, "identity_refused".to_owned()));
}

/// A `.p8` file, as Apple gives one.
fn p8() -> (p256::SecretKey, String) {
    let key = p256::SecretKey::from_slice(&[5; 32]).unwrap();
    let pem = p256::pkcs8::EncodePrivateKey::to_pkcs8_pem(&key, p256::pkcs8::LineEnding::LF).unwrap();
    (key, pem.replace('\n', "\\n"))
}

fn apple_world() -> World {
    let world = world_at(apple(), |app| {
        app.var("LATCHKEY_LIMITS", "off")
            .var("APPLE_CLIENT_ID", CLIENT_ID)
            .var("APPLE_TEAM_ID", "TEAM123456")
            .var("APPLE_KEY_ID", "KEY1234567")
            .var("APPLE_PRIVATE_KEY", &p8().1)
    });
    let signer = ProviderKey::p256("apple-1", 6);
    {
        let mut provider = world.provider.edit();
        provider.published = vec![signer.jwk()];
        provider.signer = signer;
        provider.claims = json!({
            "sub": "000792.d71059495fa24644b94e4a644e2e3b4a.0638", "email": "ada@example.com", "email_verified": "true",
            "is_private_email": "false", "nonce_supported": true, "auth_time": 1,
        });
    }
    world
}

#[tokio::test]
async fn apple_posts_its_answer_and_takes_a_signed_secret() {
    let world = apple_world();
    let mut browser = world.browser();
    let location = browser.start("apple", "").await;
    assert!(location.contains("response_mode=form_post"));
    let cookie = browser.jar[&browser.authorization_cookies()[0]].clone();
    assert!(
        cookie.contains("SameSite=None") && cookie.contains("Secure") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let granted = world.provider.authorize(&location);
    let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"eve@example.com"}"#;
    let form = query(&[("code", &granted.code), ("state", &granted.state), ("user", user)]);
    let answer = browser.post_across("/v1/oauth/apple/callback", "https://appleid.apple.com", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.json());
    let user = browser.get("/v1/session").await.json()["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["name"].as_str()),
        (Some("ada@example.com"), Some("Ada Lovelace"))
    );
    check_secret(&world);

    // The name comes once.
    let granted = world.provider.authorize(&browser.start("apple", "").await);
    let form = query(&[("code", &granted.code), ("state", &granted.state)]);
    let answer = browser.post_across("/v1/oauth/apple/callback", "https://appleid.apple.com", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.json());
    assert_eq!(browser.get("/v1/session").await.text("user.name"), "Ada Lovelace");
    assert_eq!(browser.get("/v1/identities").await.json()["identities"][0]["name"], "Ada Lovelace");
}

fn check_secret(world: &World) {
    let secret = world.provider.forms()[0]["client_secret"].clone();
    let der = p256::pkcs8::EncodePrivateKey::to_pkcs8_der(&p8().0).unwrap();
    let key = jsonwebtoken::EncodingKey::from_ec_der(der.as_bytes());
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::ES256).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["https://appleid.apple.com"]);
    validation.set_issuer(&["TEAM123456"]);
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Value>(&secret, &key, &validation).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("KEY1234567"));
    assert_eq!(token.claims["sub"], CLIENT_ID);
    assert_eq!(token.claims["exp"].as_i64().unwrap() - token.claims["iat"].as_i64().unwrap(), 300);
}

#[tokio::test]
async fn a_form_that_another_site_invents_is_refused() {
    let world = apple_world();
    let (mut browser, granted) = begin(&world, "apple").await;
    let path = "/v1/oauth/apple/callback";
    for form in ["", "code=x", "code=x&state=y", "state=%00"] {
        let answer = browser.post_across(path, "https://evil.example", form).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_state"), "{form}");
    }
    let good = query(&[("code", &granted.code), ("state", &granted.state)]);
    let answer = world.browser().post_across(path, "https://appleid.apple.com", &good).await;
    assert_eq!(answer.code(), "invalid_state", "another browser");
    let json = TestRequest::post(path, &json!({ "state": granted.state }));
    assert_eq!(world.app.send(json).await.code(), "invalid_state");
}

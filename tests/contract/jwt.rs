//! Tokens that are not ours, or not any more (RFC 8725), as an attacker presents them.

use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{Forge, Person, open_app, sign_up};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

struct World {
    app: TestApp,
    user: Person,
    forge: Forge,
    claims: Value,
}

async fn world() -> World {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let forge = Forge::new(&app).await;
    let claims = Forge::claims(&user);
    World { app, user, forge, claims }
}

impl World {
    async fn accepts(&self, token: &str) -> bool {
        self.app.send(TestRequest::get("/v1/session").bearer(token)).await.status == 200
    }

    /// Refused as a bearer token and as a cookie, on a route that reads and on one that asks for fresh state.
    async fn refuses(&self, token: &str, what: &str) {
        let cookie = format!("__Host-latchkey-access={token}");
        for request in [
            TestRequest::get("/v1/session").bearer(token),
            TestRequest::get("/v1/session").header("cookie", &cookie),
            TestRequest::new(http::Method::DELETE, "/v1/sessions/x").bearer(token),
            TestRequest::get("/v1/users").bearer(token),
        ] {
            let answer = self.app.send(request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (401, "invalid_token"),
                "{what}: {token}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"", "{what}");
        }
    }

    /// The genuine claims with one member replaced, or removed when it is replaced by null.
    fn claims_with(&self, name: &str, member: Value) -> Value {
        with(self.claims.clone(), name, member)
    }
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    if member.is_null() {
        object.remove(name)
    } else {
        object.insert(name.to_owned(), member)
    };
    value
}

fn encode(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn what_these_tests_change_is_good_before() {
    let world = world().await;
    assert!(world.accepts(&world.user.access).await);
    assert!(world.accepts(&world.forge.token(&world.claims)).await, "the forge has the real key");
}

#[tokio::test]
async fn rfc_8725_3_1_alg_none_in_any_case() {
    let world = world().await;
    let payload = encode(world.claims.to_string());
    let genuine = world.user.access.rsplit('.').next().unwrap();
    for bits in 0..16_u8 {
        let spelled =
            |(place, c): (usize, char)| if bits >> place & 1 == 1 { c.to_ascii_uppercase() } else { c };
        let none: String = "none".chars().enumerate().map(spelled).collect();
        let header = encode(with(world.forge.header(), "alg", json!(none)).to_string());
        for signature in ["", "AA", genuine] {
            world.refuses(&format!("{header}.{payload}.{signature}"), &none).await;
        }
        let signed = world
            .forge
            .sign(&with(world.forge.header(), "alg", json!(none)).to_string(), &world.claims.to_string());
        world.refuses(&signed, &none).await;
    }
}

#[tokio::test]
async fn rfc_8725_3_1_the_public_key_as_an_hmac_secret() {
    let world = world().await;
    let set = world.app.send(TestRequest::get("/.well-known/jwks.json")).await.json();
    for key in set["keys"].as_array().unwrap() {
        let x = key["x"].as_str().unwrap();
        let secrets = [
            BASE64_URL_SAFE_NO_PAD.decode(x).unwrap(),
            x.into(),
            key.to_string().into(),
            set.to_string().into(),
            // The empty one, which jsonwebtoken does not sign with: HMAC pads a key with zeros (RFC 2104).
            vec![0],
        ];
        for secret in secrets {
            for (name, algorithm) in [
                ("HS256", jsonwebtoken::Algorithm::HS256),
                ("HS384", jsonwebtoken::Algorithm::HS384),
                ("HS512", jsonwebtoken::Algorithm::HS512),
                ("EdDSA", jsonwebtoken::Algorithm::HS256),
            ] {
                let header = with(with(world.forge.header(), "alg", json!(name)), "kid", key["kid"].clone());
                let input = format!("{}.{}", encode(header.to_string()), encode(world.claims.to_string()));
                let hmac = EncodingKey::from_secret(&secret).unwrap();
                let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &hmac, algorithm).unwrap();
                world.refuses(&format!("{input}.{signature}"), name).await;
            }
        }
    }
}

/// Members of a header that ours never has, by section of RFC 8725.
fn headers(kid: &str) -> Vec<(&'static str, &'static str, Value)> {
    let mut rows = Vec::new();
    let algorithms = ["ES256", "RS256", "PS256", "ES384", "HS256", "eddsa", "EDDSA", "Ed25519", "EdDSA ", ""];
    rows.extend(algorithms.map(|alg| ("3.1: another algorithm than the key's", "alg", json!(alg))));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": "6kpsY-KcUgq-9VB7Ey7F-ZVHdq7-8vFQaz1iyMeeTEs" });
    rows.extend(
        [
            ("jwk", jwk),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
        ]
        .map(|(name, member)| ("3.10: a key that the token brings along", name, member)),
    );
    rows.extend(
        [
            json!("../../../dev/null"),
            json!("' UNION SELECT 'k"),
            json!(""),
            json!("key\0"),
            json!(1),
            json!([kid]),
            json!({}),
            json!("http://evil.example/key"),
            json!("A".repeat(43)),
            json!(format!("{kid} ")),
            Value::Null,
        ]
        .map(|kid| ("3.10: a kid of another kind", "kid", kid)),
    );
    let types = ["JWT", "jwt", "AT+JWT", "application/at+jwt", "logout+jwt", ""].map(Value::from);
    let types = types.into_iter().chain([Value::Null]);
    rows.extend(types.map(|typ| ("3.11: a token of another kind", "typ", typ)));
    rows
}

#[tokio::test]
async fn a_header_that_says_anything_else_is_refused() {
    let world = world().await;
    for (rule, name, member) in headers(&world.forge.kid) {
        let header = with(world.forge.header(), name, member).to_string();
        for forge in [&world.forge.stranger(), &world.forge] {
            world
                .refuses(&forge.sign(&header, &world.claims.to_string()), &format!("{rule}: {header}"))
                .await;
        }
    }
}

#[tokio::test]
async fn rfc_8725_3_3_another_key_or_another_tokens_signature() {
    let world = world().await;
    world.refuses(&world.forge.stranger().token(&world.claims), "a stranger's key").await;
    let (input, signature) = world.user.access.rsplit_once('.').unwrap();
    let (_, other) = {
        let other = sign_up(&world.app, "other@example.com").await.access;
        let (input, signature) = other.rsplit_once('.').unwrap();
        (input.to_owned(), signature.to_owned())
    };
    world.refuses(&format!("{input}.{other}"), "another token's signature").await;
    for bytes in [vec![0; 64], vec![0; 63], vec![0; 65], vec![255; 64], Vec::new()] {
        world.refuses(&format!("{input}.{}", encode(bytes)), "no signature").await;
    }
    let (header, _) = input.split_once('.').unwrap();
    for (name, member) in [
        ("sub", json!("0195f2a0-7c1e-7b3a-8f00-0123456789ab")),
        ("roles", json!(["admin"])),
        ("exp", json!(i64::MAX)),
    ] {
        let changed = encode(world.claims_with(name, member).to_string());
        // Also after the genuine token was accepted, and remembered by its signature.
        assert!(world.accepts(&world.user.access).await);
        world.refuses(&format!("{header}.{changed}.{signature}"), name).await;
    }
}

/// Claims that ours never have; null for a claim that is missing.
fn claims(genuine: &str) -> Vec<(&'static str, Value)> {
    let mut rows = Vec::new();
    for name in ["iss", "aud"] {
        let others = [
            json!(format!("{genuine}/")),
            json!(genuine.to_uppercase()),
            json!(format!("{genuine}.evil.example")),
            json!(""),
            json!("*"),
            json!([genuine]),
            json!([genuine, "https://evil.example"]),
        ];
        rows.extend(others.map(|other| (name, other)));
    }
    for name in ["iss", "aud", "sub", "sid", "iat", "exp", "jti", "roles"] {
        rows.extend([Value::Null, json!({}), json!(true), json!([1])].map(|other| (name, other)));
    }
    rows
}

#[tokio::test]
async fn claims_that_are_missing_of_another_type_or_of_another_service_are_refused() {
    let world = world().await;
    for (name, member) in claims(world.claims["iss"].as_str().unwrap()) {
        let token = world.forge.token(&world.claims_with(name, member.clone()));
        world.refuses(&token, &format!("{name} {member}")).await;
    }
}

#[tokio::test]
async fn an_end_that_is_no_time_or_too_far_is_refused() {
    let world = world().await;
    let good = world.claims["exp"].as_i64().unwrap();
    let text = world.claims.to_string();
    let ends = [format!("\"{good}\""), format!("{good}.0"), format!("{good}e0"), format!("[{good}]")];
    let ends = ends
        .into_iter()
        .chain(["1e400", "NaN", "null", "true", "99999999999999999999", "0"].map(str::to_owned));
    for exp in ends.chain([i64::MAX, good + 1, -good, i64::MIN].map(|end| end.to_string())) {
        let payload = text.replace(&format!("\"exp\":{good}"), &format!("\"exp\":{exp}"));
        assert_ne!(payload, text);
        let token = world.forge.sign(&world.forge.header().to_string(), &payload);
        world.refuses(&token, &exp).await;
    }
}

#[tokio::test]
async fn json_with_something_twice_or_after_it() {
    let world = world().await;
    let (header, payload) = (world.forge.header().to_string(), world.claims.to_string());
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (header, payload) in [
        (header.clone(), format!("{payload}{{}}")),
        (header.clone(), format!("{payload} ")),
        (header.clone(), twice(&payload, "\"sub\":\"0195f2a0-7c1e-7b3a-8f00-0123456789ab\"")),
        (header.clone(), twice(&payload, "\"roles\":[\"admin\"]")),
        (header.clone(), "[".repeat(1000)),
        (header.clone(), "null".to_owned()),
        (format!("{header}\n"), payload.clone()),
        (twice(&header, "\"alg\":\"none\""), payload.clone()),
        ("{}".to_owned(), payload.clone()),
    ] {
        world.refuses(&world.forge.sign(&header, &payload), &format!("{header} {payload}")).await;
    }
}

#[tokio::test]
async fn a_token_that_is_over() {
    let world = world().await;
    world.app.clock.advance(Duration::from_millis(899_999));
    assert!(world.accepts(&world.user.access).await);
    world.app.clock.advance(Duration::from_millis(1));
    world.refuses(&world.user.access, "after 15 minutes, to the millisecond").await;
}

#[tokio::test]
async fn a_token_from_the_future() {
    let world = world().await;
    let (iat, exp) = (world.claims["iat"].as_i64().unwrap(), world.claims["exp"].as_i64().unwrap());
    let shifted = |by: i64| with(world.claims_with("iat", json!(iat + by)), "exp", json!(exp + by));
    assert!(world.accepts(&world.forge.token(&shifted(60))).await, "a minute of leeway");
    world.refuses(&world.forge.token(&shifted(61)), "61 s ahead").await;
}

#[tokio::test]
async fn another_services_token() {
    let world = world().await;
    let other = TestApp::builder().seed(9).build(latchkey_all::function());
    let user = sign_up(&other, "user@example.com").await;
    world.refuses(&user.access, "the same issuer and audience, other keys").await;
}

#[tokio::test]
async fn a_good_signature_for_another_user_of_the_session_is_nobody() {
    let world = world().await;
    let other = sign_up(&world.app, "other@example.com").await;
    for (name, member) in [("sub", json!(other.id)), ("sid", json!(other.session))] {
        let token = world.forge.token(&world.claims_with(name, member));
        let answer = world.app.send(TestRequest::get("/v1/session").bearer(&token)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "session_ended"), "{name}");
    }
}

#[tokio::test]
async fn of_two_authorization_headers_one_may_be_ours() {
    let world = world().await;
    let good = &world.user.access;
    let asked = || TestRequest::get("/v1/session");
    let basic = asked().header("authorization", "Basic dXNlcjpwYXNz").bearer(good);
    assert_eq!(world.app.send(basic).await.status, 200);
    assert_eq!(world.app.send(asked().bearer(good).bearer(good)).await.code(), "invalid_token");
    // A client of HTTP/2 may send what HTTP/1.1 would trim.
    for value in ["Bearer ", "Bearer  "] {
        let answer = world.app.send(asked().header("authorization", value)).await;
        assert_eq!(answer.code(), "invalid_token", "{value:?}");
    }
}

/// One app for all cases of a property, with the runtime that its futures need.
fn shared() -> &'static (Runtime, World) {
    static SHARED: OnceLock<(Runtime, World)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let world = runtime.block_on(world());
        (runtime, world)
    })
}

fn status(request: TestRequest) -> u16 {
    let (runtime, world) = shared();
    runtime.block_on(world.app.send(request)).status.as_u16()
}

proptest! {
    #[test]
    fn no_authorization_header_is_a_failure_of_ours(bytes in prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255, Just(9)], 0..200), bearer: bool) {
        let value = if bearer { [b"Bearer ".as_slice(), &bytes].concat() } else { bytes };
        prop_assert_eq!(status(TestRequest::get("/v1/session").header_bytes("authorization", &value)), 401);
    }

    #[test]
    fn no_cookie_header_is_a_failure_of_ours(bytes in prop::collection::vec(prop_oneof![32_u8..127, 128_u8..=255, Just(9)], 0..200), named: bool) {
        let value = if named { [b"__Host-latchkey-access=".as_slice(), &bytes].concat() } else { bytes };
        prop_assert_eq!(status(TestRequest::get("/v1/session").header_bytes("cookie", &value)), 401);
    }

    #[test]
    fn no_changed_character_goes_unnoticed(place: prop::sample::Index, to in "[A-Za-z0-9_.=-]") {
        let good = &shared().1.user.access;
        let place = place.index(good.len());
        let changed = format!("{}{to}{}", &good[..place], &good[place + 1..]);
        prop_assume!(changed != *good);
        prop_assert_eq!(status(TestRequest::get("/v1/session").bearer(&changed)), 401);
    }

    #[test]
    fn no_claims_of_any_form_are_a_failure_of_ours(name in "iss|aud|sub|sid|iat|exp|jti|roles|org", value in "-?[0-9]{1,20}|\"\\PC{0,30}\"|null|\\[\\]|\\{\\}") {
        let (_, world) = shared();
        let Ok(member) = serde_json::from_str::<Value>(&value) else { return Ok(()) };
        let token = world.forge.token(&with(world.claims.clone(), &name, member));
        let status = status(TestRequest::get("/v1/session").bearer(&token));
        prop_assert!(status < 500, "{status}");
    }
}

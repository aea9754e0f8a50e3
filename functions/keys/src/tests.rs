//! `GET /.well-known/jwks.json`: an independent implementation verifies tokens against it, and no valid token
//! is refused while keys rotate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use latchkey_core::port::Clock as _;
use latchkey_http::Function;
use latchkey_testkit::people::{Person, get, refresh, sign_in, sign_up};
use latchkey_testkit::{TestApp, TestAppBuilder, TestClock, TestRequest, URL, memory_table};
use serde_json::Value;

/// The keys, and the operations that show the effects of their rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_session::function())
        .merge(latchkey_signin::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start(operations()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

/// Starts two processes over one table and one clock.
async fn two_processes() -> (TestApp, TestApp) {
    let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
    let process = |seed| TestApp::unlimited().table(Arc::clone(&table)).clock(Arc::clone(&clock)).seed(seed);
    (start(process(1)).await, start(process(2)).await)
}

async fn published(app: &TestApp) -> JwkSet {
    let response = app.send(TestRequest::get("/.well-known/jwks.json")).await;
    assert_eq!((response.status.as_u16(), response.header("cache-control")), (200, "public, max-age=300"));
    serde_json::from_slice(&response.body).unwrap()
}

fn kids(set: &JwkSet) -> BTreeSet<String> {
    set.keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect()
}

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

/// Returns the claims of `token` if a standard client with the keys in `set` accepts it.
fn verify(token: &str, set: &JwkSet) -> Option<Value> {
    let header = decode_header(token).unwrap();
    let key = DecodingKey::from_jwk(set.find(&header.kid?)?).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[URL]);
    validation.set_issuer(&[URL]);
    // That client uses the system clock.
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).ok().map(|data| data.claims)
}

#[tokio::test]
async fn tokens_of_every_algorithm_verify_with_a_stock_client() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let app = start(TestApp::unlimited().var("LATCHKEY_SIGNING_ALG", algorithm)).await;
        let ada = sign_up(&app, "ada@example.com").await;
        let set = published(&app).await;
        assert_eq!(set.keys.len(), 2, "the current and the next key");
        assert_eq!(format!("{:?}", decode_header(&ada.access).unwrap().alg), algorithm);
        let claims = verify(&ada.access, &set).unwrap();
        let now = TestClock::START.as_millis() / 1000;
        assert_eq!((&claims["sub"], &claims["sid"]), (&ada.id.as_str().into(), &ada.session.as_str().into()));
        assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 900)));
        assert_eq!(claims["roles"], serde_json::json!(["user"]));
        assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 16));

        let (signed, _) = ada.access.rsplit_once('.').unwrap();
        let (_, other) = sign_in(&app, "ada@example.com")
            .await
            .access
            .rsplit_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        assert!(verify(&format!("{signed}.{other}"), &set).is_none(), "{algorithm}: any signature passes");
    }
}

#[tokio::test]
async fn the_key_set_holds_no_private_part() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let app = start(TestApp::unlimited().var("LATCHKEY_SIGNING_ALG", algorithm)).await;
        let body = app.send(TestRequest::get("/.well-known/jwks.json")).await.json();
        for key in body["keys"].as_array().unwrap() {
            let members: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(
                members.is_disjoint(&["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into()),
                "{members:?}"
            );
            assert_eq!((key["use"].as_str(), key["alg"].as_str()), (Some("sig"), Some(algorithm)));
        }
    }
}

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let app = app().await;
    let document = app.send(TestRequest::get("/.well-known/openid-configuration")).await;
    assert_eq!(document.text("issuer"), URL);
    assert_eq!(document.text("jwks_uri"), format!("{URL}/.well-known/jwks.json"));
    assert!(!document.json().to_string().contains("none"));
}

#[tokio::test]
async fn a_token_outlives_the_rotations_during_its_life_and_the_next_key_is_known_before() {
    let app = app().await;
    let mut people: Vec<Person> = vec![sign_up(&app, "ada@example.com").await];
    for _ in 0..3 {
        app.clock.advance(Duration::from_mins(4));
        let before = published(&app).await;
        app.services.keys.rotate().await.unwrap();
        people.push(sign_in(&app, "ada@example.com").await);
        let signer = kid(&people.last().unwrap().access);
        assert!(kids(&before).contains(&signer), "it was published before it signed");
        let after = published(&app).await;
        for person in &people {
            assert!(verify(&person.access, &after).is_some());
            assert_eq!(get(&app, "/v1/session", person).await.status, 200);
        }
    }
    let signers: BTreeSet<_> = people.iter().map(|person| kid(&person.access)).collect();
    assert_eq!(signers.len(), 4, "each rotation brings another key");

    app.clock.advance(Duration::from_hours(1));
    assert_eq!(published(&app).await.keys.len(), 2, "keys without living tokens are gone");
    let ada = Person::read(&refresh(&app, &people[3].refresh).await);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
}

#[tokio::test]
async fn a_new_algorithm_takes_over_without_a_refused_token() {
    let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
    let process = |algorithm, seed| {
        let builder = TestApp::unlimited().table(Arc::clone(&table)).clock(Arc::clone(&clock)).seed(seed);
        start(builder.var("LATCHKEY_SIGNING_ALG", algorithm))
    };
    let first = process("EdDSA", 1).await;
    let ada = sign_up(&first, "ada@example.com").await;
    let second = process("ES256", 2).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let bob = sign_in(&second, "ada@example.com").await;
        seen.push(format!("{:?}", decode_header(&bob.access).unwrap().alg));
        for (app, person) in [(&first, &bob), (&second, &bob), (&first, &ada), (&second, &ada)] {
            assert_eq!(get(app, "/v1/session", person).await.status, 200);
        }
        second.services.keys.rotate().await.unwrap();
    }
    assert_eq!(seen, ["EdDSA", "EdDSA", "ES256"]);
}

#[tokio::test]
async fn a_process_that_missed_rotations_accepts_and_is_accepted() {
    let (here, there) = two_processes().await;
    let early = sign_up(&there, "ada@example.com").await;
    for _ in 0..3 {
        here.services.keys.rotate().await.unwrap();
        let by_here = sign_in(&here, "ada@example.com").await;
        let by_there = sign_in(&there, "ada@example.com").await;
        for app in [&here, &there] {
            for person in [&early, &by_here, &by_there] {
                assert_eq!(get(app, "/v1/session", person).await.status, 200);
            }
        }
        // Within this time a process reads the key ring again even if it met no unknown key.
        here.clock.advance(Duration::from_mins(5));
        assert_eq!(kids(&published(&here).await), kids(&published(&there).await));
        assert_eq!(there.clock.now(), here.clock.now());
    }
}

#[tokio::test]
async fn processes_that_start_at_once_over_an_empty_store_share_one_ring() {
    for seed in 0..8_u64 {
        let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
        let process = |n| {
            let builder = TestApp::unlimited().table(Arc::clone(&table)).clock(Arc::clone(&clock));
            builder.seed(100 * seed + n).build(operations())
        };
        let apps = [process(1), process(2), process(3)];
        let [first, second, third] = &apps;
        let sets = tokio::join!(published(first), published(second), published(third));
        assert_eq!(kids(&sets.0), kids(&sets.1));
        assert_eq!(kids(&sets.0), kids(&sets.2));
        assert_eq!(sets.0.keys.len(), 2);
        let ada = sign_up(first, "ada@example.com").await;
        for app in &apps {
            assert_eq!(get(app, "/v1/session", &ada).await.status, 200);
        }
    }
}

//! ID tokens that say too much, too little or nothing, and keys that come and go.

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::adapter::InProcessCache;
use latchkey_testkit::World;
use latchkey_testkit::provider::{CLIENT_ID, ISSUER, ProviderKey};
use serde_json::{Value, json};

use super::{world, world_of};

/// One sign-in with an ID token that `tamper` changed.
async fn refused(world: &World, reason: &str, tamper: impl Fn(&mut Value, &mut Value) + Send + 'static) {
    world.provider.edit().tamper = Some(Box::new(tamper));
    let answer = world.sign_in().await;
    world.assert_refused(&answer, 502, "identity_refused", &format!("id_token_{reason}")).await;
}

async fn taken(world: &World, tamper: impl Fn(&mut Value, &mut Value) + Send + 'static) {
    world.provider.edit().tamper = Some(Box::new(tamper));
    let answer = world.sign_in().await;
    assert_eq!(answer.status, 303, "{}", answer.json());
}

#[tokio::test]
async fn an_id_token_without_a_signature_or_of_another_algorithm_or_kind_is_refused() {
    let world = world();
    for alg in ["none", "None", "NONE", "HS256", "HS512", "RS512", "PS256", "ES384", "eddsa", ""] {
        refused(&world, "algorithm", move |header, _| header["alg"] = json!(alg)).await;
    }
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "x"] {
        refused(&world, "header", move |header, _| header["typ"] = json!(typ)).await;
    }
    refused(&world, "header", |header, _| header["crit"] = json!(["b64"])).await;
    refused(&world, "header", |header, _| header["zip"] = json!("DEF")).await;
    refused(&world, "header", |header, _| header["alg"] = json!(7)).await;
    taken(&world, |header, _| header["typ"] = json!(null)).await;
}

#[tokio::test]
async fn an_id_token_with_the_algorithm_of_another_key_is_refused() {
    // The name of an Ed25519 key, the algorithm of a P-256 key: no such key is published.
    let world = world();
    refused(&world, "unknown_key", |header, _| header["alg"] = json!("ES256")).await;
}

#[tokio::test]
async fn an_id_token_signed_by_another_key_is_refused() {
    let world = world();
    let stranger = ProviderKey::ed25519("key-1", 9);
    world.provider.edit().signer = stranger.clone();
    refused(&world, "signature", |_, _| {}).await;
    // A key that the token brings along is nothing.
    let jwk = stranger.jwk();
    refused(&world, "signature", move |header, _| {
        header["jwk"] = jwk.clone();
        header["jku"] = json!("https://evil.example/jwks");
        header["x5u"] = json!("https://evil.example/cert");
    })
    .await;
    refused(&world, "unknown_key", |header, _| header["kid"] = json!("../../evil")).await;
    assert!(world.provider.requests().iter().all(|url| url.starts_with(ISSUER)));
}

#[tokio::test]
async fn an_id_token_that_is_no_token_at_all_is_refused() {
    let world = world();
    for (text, reason) in [
        ("", "id_token_malformed"),
        ("x", "id_token_malformed"),
        ("a.b", "id_token_malformed"),
        ("..", "id_token_header"),
        ("e30.e30.e30", "id_token_header"),
        ("W10.e30.e30", "id_token_header"),
        ("a.b.c.d", "id_token_malformed"),
        ("\u{1F511}.x.y", "id_token_malformed"),
    ] {
        world.provider.edit().id_token = Some(text.to_owned());
        let answer = world.sign_in().await;
        world.assert_refused(&answer, 502, "identity_refused", reason).await;
    }
    world.provider.edit().id_token = Some("a".repeat(70_000));
    let answer = world.sign_in().await;
    world.assert_refused(&answer, 502, "identity_refused", "id_token_malformed").await;
}

#[tokio::test]
async fn a_missing_id_token_is_refused() {
    let world = world();
    world.provider.edit().shape.issuer = None;
    let answer = world.sign_in().await;
    world.assert_refused(&answer, 502, "provider_failed", "no_identity").await;
}

#[tokio::test]
async fn an_id_token_of_another_issuer_or_for_another_client_is_refused() {
    let world = world();
    for iss in ["https://evil.example", "https://id.example.com/", "HTTPS://ID.EXAMPLE.COM", ""] {
        refused(&world, "issuer", move |_, claims| claims["iss"] = json!(iss)).await;
    }
    for aud in
        [json!("another-client-of-ours"), json!([]), json!(["other"]), json!("LATCHKEY-TEST"), json!("")]
    {
        refused(&world, "audience", move |_, claims| claims["aud"] = aud.clone()).await;
    }
    // Among several audiences only as the party that it was issued to.
    refused(&world, "audience", |_, claims| claims["aud"] = json!([CLIENT_ID, "other"])).await;
    refused(&world, "audience", |_, claims| {
        claims["aud"] = json!([CLIENT_ID, "other"]);
        claims["azp"] = json!("other");
    })
    .await;
    refused(&world, "audience", |_, claims| claims["azp"] = json!("other")).await;
    for aud in [json!(7), json!({}), json!(null), json!([7])] {
        refused(&world, "claims", move |_, claims| claims["aud"] = aud.clone()).await;
    }
    taken(&world, |_, claims| {
        claims["aud"] = json!([CLIENT_ID, "other"]);
        claims["azp"] = json!(CLIENT_ID);
    })
    .await;
    taken(&world, |_, claims| claims["aud"] = json!([CLIENT_ID])).await;
}

#[tokio::test]
async fn an_id_token_that_is_expired_or_from_the_future_beyond_a_minute_is_refused() {
    let world = world();
    let now = move |claims: &Value| claims["iat"].as_i64().unwrap();
    refused(&world, "expired", move |_, claims| claims["exp"] = json!(now(claims) - 60)).await;
    refused(&world, "expired", |_, claims| claims["exp"] = json!(i64::MIN)).await;
    refused(&world, "from_the_future", move |_, claims| claims["iat"] = json!(now(claims) + 61)).await;
    refused(&world, "from_the_future", |_, claims| claims["iat"] = json!(i64::MAX)).await;
    refused(&world, "from_the_future", move |_, claims| claims["nbf"] = json!(now(claims) + 61)).await;
    for name in ["exp", "iat", "nbf"] {
        for bad in [json!("1"), json!([1]), json!(true), json!(1e300)] {
            refused(&world, "claims", move |_, claims| claims[name] = bad.clone()).await;
        }
    }
    for name in ["exp", "iat"] {
        refused(&world, "claims", move |_, claims| claims[name] = json!(null)).await;
    }
    // Issued yesterday, and an hour ago.
    for age in [24 * 3600, 3660] {
        refused(&world, "too_old", move |_, claims| claims["iat"] = json!(now(claims) - age)).await;
    }
    taken(&world, move |_, claims| claims["iat"] = json!(now(claims) - 3600)).await;
    // RFC 7519, section 2: a NumericDate may have a fraction.
    taken(&world, move |_, claims| {
        let now = claims["iat"].as_f64().unwrap();
        for (name, seconds) in [("exp", 300.5), ("iat", -0.5), ("nbf", 59.5)] {
            claims[name] = json!(now + seconds);
        }
    })
    .await;
    taken(&world, move |_, claims| {
        claims["exp"] = json!(now(claims) - 59);
        claims["iat"] = json!(now(claims) + 60);
        claims["nbf"] = json!(now(claims));
    })
    .await;
}

/// A claim that nobody reads is JSON too, and no deeper than one that is read.
#[tokio::test]
async fn an_id_token_that_is_nested_too_deeply_is_refused() {
    let world = world();
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    refused(&world, "claims", move |_, claims| claims["groups"] = deep(100)).await;
    refused(&world, "header", move |header, _| header["x"] = deep(100)).await;
    taken(&world, move |_, claims| claims["groups"] = deep(8)).await;
}

#[tokio::test]
async fn an_id_token_without_the_nonce_or_with_another_is_refused() {
    let world = world();
    for nonce in [json!(null), json!(""), json!("another"), json!("A".repeat(43))] {
        refused(&world, "nonce", move |_, claims| claims["nonce"] = nonce.clone()).await;
    }
    refused(&world, "claims", |_, claims| claims["nonce"] = json!(7)).await;
}

#[tokio::test]
async fn an_id_token_without_a_subject_or_with_one_of_another_type_is_refused() {
    let world = world();
    for sub in [json!(null), json!(7), json!(["x"]), json!(""), json!("x".repeat(256)), json!("a\nb")] {
        refused(&world, "claims", move |_, claims| claims["sub"] = sub.clone()).await;
    }
    refused(&world, "claims", |_, claims| drop(claims.as_object_mut().unwrap().remove("sub"))).await;
}

#[tokio::test]
async fn an_id_token_for_another_access_token_is_refused() {
    let world = world();
    for hash in ["", "x", "77QmUPtjPfzWtF2AnpK9RQ"] {
        refused(&world, "at_hash", move |_, claims| claims["at_hash"] = json!(hash)).await;
    }
    // The left half of SHA-512 for Ed25519, and of SHA-256 for P-256.
    taken(&world, |_, claims| claims["at_hash"] = json!("_d8N1ykevQGQzyL8QMAoJKv8KOrRhHjPkY717vhFWmE")).await;
    let key = ProviderKey::p256("key-2", 2);
    world.provider.edit().published = vec![key.jwk()];
    world.provider.edit().signer = key;
    taken(&world, |_, claims| claims["at_hash"] = json!("ankFoOdlc8CD-m15dcW2HQ")).await;
}

#[tokio::test]
async fn keys_that_were_rotated_a_moment_ago_are_fetched_once_a_minute() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    let fetched = || world.provider.requests().iter().filter(|url| url.ends_with("/jwks")).count();
    assert_eq!(fetched(), 1);

    let next = ProviderKey::p256("key-2", 2);
    {
        let mut provider = world.provider.edit();
        provider.published = vec![next.jwk()];
        provider.signer = next;
    }
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(fetched(), 2, "an unknown key is looked for");

    world.provider.edit().tamper = Some(Box::new(|header, _| header["kid"] = json!("no-such-key")));
    for _ in 0..3 {
        assert_eq!(world.sign_in().await.code(), "identity_refused");
    }
    assert_eq!(fetched(), 2, "not again within the minute");
    world.app.clock.advance(Duration::from_mins(1));
    for _ in 0..3 {
        assert_eq!(world.sign_in().await.code(), "identity_refused");
    }
    assert_eq!(fetched(), 3);
}

/// Tokens with invented keys, at as many processes as there are.
#[tokio::test]
async fn processes_that_share_a_cache_fetch_keys_for_an_unknown_one_once() {
    let cache = Arc::new(InProcessCache::default());
    let first = world_of(|app| app.var("LATCHKEY_LIMITS", "off").cache(cache.clone()));
    let others: Vec<_> = (2..10)
        .map(|seed| first.other_process(seed, |app| app.var("LATCHKEY_LIMITS", "off").cache(cache.clone())))
        .collect();
    let fetched = || first.provider.requests().iter().filter(|url| url.ends_with("/jwks")).count();
    assert_eq!(first.sign_in().await.status, 303);
    first.provider.edit().tamper = Some(Box::new(|header, _| header["kid"] = json!("no-such-key")));
    for world in std::iter::once(&first).chain(&others).chain(&others) {
        assert_eq!(world.sign_in().await.code(), "identity_refused");
    }
    assert_eq!(fetched(), 2, "once at the start, and once for all that do not know the key");

    // Keys that one process fetched meanwhile are found by the others, pause or not.
    first.app.clock.advance(Duration::from_mins(1));
    let next = ProviderKey::p256("key-2", 2);
    {
        let mut provider = first.provider.edit();
        provider.tamper = None;
        provider.published = vec![next.jwk()];
        provider.signer = next;
    }
    for world in std::iter::once(&first).chain(&others) {
        assert_eq!(world.sign_in().await.status, 303);
    }
    assert_eq!(fetched(), 3);
}

#[tokio::test]
async fn a_token_without_a_key_s_name_needs_the_only_key() {
    let world = world();
    {
        let mut provider = world.provider.edit();
        provider.signer = provider.signer.clone().named(None);
    }
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.edit().published.push(ProviderKey::p256("other", 3).jwk());
    world.app.clock.advance(Duration::from_hours(1));
    assert_eq!(world.sign_in().await.status, 303, "the only one of its kind");
    world.provider.edit().published.push(ProviderKey::ed25519("other", 4).jwk());
    world.app.clock.advance(Duration::from_hours(1));
    let answer = world.sign_in().await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (502, "identity_refused"));
    assert_eq!(world.last_event().await.1.as_deref(), Some("id_token_unknown_key"));
}

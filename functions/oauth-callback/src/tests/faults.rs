//! Providers in trouble: a clear answer, an audit event, nothing half done, and nothing that lasts.

use latchkey_testkit::provider::{Fault, ISSUER};
use latchkey_testkit::{Fault as StoreFault, World};
use serde_json::json;

use super::world;

const JSON: &str = "application/json";

fn at(path: &str) -> String {
    format!("{ISSUER}{path}")
}

/// The outcome of a return while `url` answers by `fault`, and that the next one is fine.
async fn outcome(world: &World, url: &str, fault: Fault, status: u16, code: &str, reason: &str) {
    let (mut browser, granted) = world.at_provider().await;
    world.provider.edit().faults.insert(url.to_owned(), fault);
    let answer = browser.come_back("acme", &granted).await;
    world.provider.edit().faults.clear();
    world.assert_refused(&answer, status, code, reason).await;
    assert!(browser.authorization_cookies().is_empty(), "the flow is over");
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_lets_nobody_in() {
    let world = world();
    let megabyte = format!("{{\"access_token\":\"{}\"}}", "x".repeat(1024 * 1024));
    let html = "<html><script>alert(1)</script></html>".to_owned();
    for (fault, status, code, reason) in [
        (Fault::Timeout, 504, "provider_timeout", "provider_timeout"),
        (Fault::Answer(500, "text/html", html.clone()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(500, JSON, String::new()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(503, JSON, "{}".into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(302, "text/html", String::new()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(307, "text/html", html.clone()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, "text/html", html), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, "{".into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, "[]".into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, "{}".into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, r#"{"access_token":7}"#.into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, megabyte), 502, "provider_failed", "provider_failed"),
        (
            Fault::Answer(200, JSON, r#"{"access_token":"x","token_type":"mac"}"#.into()),
            502,
            "provider_refused",
            "provider_refused",
        ),
        (
            Fault::Answer(400, JSON, r#"{"error":"invalid_grant"}"#.into()),
            400,
            "code_refused",
            "code_refused",
        ),
        (
            Fault::Answer(401, JSON, r#"{"error":"invalid_client"}"#.into()),
            502,
            "provider_refused",
            "provider_refused",
        ),
        (
            Fault::Answer(400, JSON, r#"{"error":"<b>new</b>"}"#.into()),
            502,
            "provider_refused",
            "provider_refused",
        ),
    ] {
        outcome(&world, &at("/token"), fault, status, code, reason).await;
    }
    assert_eq!(world.sign_in().await.status, 303, "nothing lasts");
}

/// A member that nobody needs never decides.
#[tokio::test]
async fn a_token_response_of_odd_forms_is_read() {
    let world = world();
    for (member, value) in [
        ("expires_in", json!("3600")),
        ("expires_in", json!(3599.5)),
        ("expires_in", json!("soon")),
        ("expires_in", json!({ "seconds": 3600 })),
        ("expires_in", json!(-1)),
        ("refresh_token", json!(7)),
        ("refresh_token", json!(false)),
        ("scope", json!(["openid", "email"])),
        ("token_type", json!("BEARER")),
        ("token_type", json!(null)),
        ("x", json!([[[1]]])),
    ] {
        world.provider.edit().shape.extra = json!({ member: value });
        assert_eq!(world.sign_in().await.status, 303, "{member}: {value}");
    }
}

/// Of what is skipped too.
#[tokio::test]
async fn a_response_that_is_not_json_as_a_whole_lets_nobody_in() {
    let world = world();
    let deep = |before: &str| format!("{before}\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let failed = (502, "provider_failed", "provider_failed");
    let answers = [
        ("/token", deep(r#"{"access_token":"x","#), failed),
        ("/jwks", deep(r#"{"keys":[],"#), (502, "provider_failed", "provider_metadata")),
    ];
    for (path, body, (status, code, reason)) in answers {
        outcome(&world, &at(path), Fault::Answer(200, JSON, body), status, code, reason).await;
    }
    let invalid = b"{\"access_token\":\"x\",\"x\":\"\xff\"}".to_vec();
    outcome(&world, &at("/token"), Fault::Bytes(200, JSON, invalid), 502, failed.1, failed.2).await;
}

#[tokio::test]
async fn keys_in_trouble_let_nobody_in() {
    let world = world();
    for (fault, status, code, reason) in [
        (Fault::Timeout, 504, "provider_timeout", "provider_timeout"),
        (Fault::Answer(500, JSON, "{}".into()), 502, "provider_failed", "provider_failed"),
        (
            Fault::Answer(200, "text/plain", r#"{"keys":[]}"#.into()),
            502,
            "provider_failed",
            "provider_failed",
        ),
        (Fault::Answer(200, JSON, "{".into()), 502, "provider_failed", "provider_metadata"),
        (Fault::Answer(200, JSON, r#"{"keys":7}"#.into()), 502, "provider_failed", "provider_metadata"),
    ] {
        outcome(&world, &at("/jwks"), fault, status, code, reason).await;
    }
    outcome(
        &world,
        &at("/jwks"),
        Fault::Answer(200, "application/jwk-set+json", r#"{"keys":[]}"#.into()),
        502,
        "identity_refused",
        "id_token_unknown_key",
    )
    .await;
    world.app.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(world.sign_in().await.status, 303, "nothing lasts beyond a minute");
}

#[tokio::test]
async fn userinfo_in_trouble_lets_nobody_in() {
    let world = world();
    world.provider.edit().claims["email"] = serde_json::json!(null);
    for (fault, status, code, reason) in [
        (Fault::Timeout, 504, "provider_timeout", "provider_timeout"),
        (Fault::Answer(401, JSON, "{}".into()), 502, "provider_failed", "provider_failed"),
        (Fault::Answer(200, JSON, "[]".into()), 502, "provider_failed", "no_identity"),
        (Fault::Answer(200, "application/jwt", "x.y.z".into()), 502, "provider_failed", "provider_failed"),
    ] {
        outcome(&world, &at("/userinfo"), fault, status, code, reason).await;
    }
}

#[tokio::test]
async fn a_return_while_the_table_is_down_is_told_to_come_again() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    world.app.table.faults.add(StoreFault::unavailable());
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert!(!answer.header("retry-after").is_empty());
}

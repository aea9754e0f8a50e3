//! Requests that another site makes a browser send, where the configuration or the store matters. The table of all others is in
//! `csrf` of tests/e2e.

use http::Method;
use latchkey_http::Access;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, admin, app, provider_app, sign_up};
use serde_json::json;

#[tokio::test]
async fn on_https_no_other_scheme_port_or_host_is_the_own_origin() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for (origin, passes) in [
        ("https://auth.example.com", true),
        ("http://auth.example.com", false),
        ("https://auth.example.com:8443", false),
        ("https://auth.example.com.evil.example", false),
    ] {
        let request = TestRequest::new(Method::DELETE, "/v1/sessions/x").header("origin", origin);
        let cookie = format!("__Host-latchkey-access={}", user.access);
        let answer = app.send(request.header("cookie", &cookie)).await;
        assert_eq!(answer.code() != "cross_site_request", passes, "{origin}: {}", answer.json());
    }
}

/// The others are in tests/e2e, whose client does not send these.
#[tokio::test]
async fn an_unusual_method_is_checked_like_the_others() {
    let app = app();
    for method in ["CONNECT", "PROPFIND", "post"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for path in ["/v1/signin", "/v1/nothing"] {
            let request = TestRequest::new(method.clone(), path).header("origin", "https://evil.example");
            assert_eq!(app.send(request).await.code(), "cross_site_request", "{method} {path}");
        }
    }
}

/// So the cookies' `SameSite=Lax`, which a navigation passes, leaves nothing open.
#[tokio::test]
async fn no_get_changes_anything() {
    let app = provider_app();
    let admin = admin(&app).await;
    app.table.faults.add(Fault::unavailable().on(Call::Commit).times(1000));
    for operation in latchkey_all::function().operations() {
        // A return from a provider is a navigation that signs in: it proves by its state that this browser asked for it. Getting
        // the token of a provider is reported, and allowed to servers only.
        let is_reported = operation.access == Access::Permission("identities:token");
        if !operation.method.is_safe() || operation.path.ends_with("/callback") || is_reported {
            continue;
        }
        assert_eq!(operation.method, Method::GET);
        let path = operation
            .path
            .replace("{id}", &admin.id)
            .replace("{name}", "user")
            .replace("{provider}", "acme")
            .replace("/v1/authorize", "/v1/authorize?signed_in=true");
        let answer = app.send(TestRequest::get(&path).bearer(&admin.access)).await;
        let done = answer.status.is_success() || answer.status.is_redirection();
        assert!(done, "{path} needs a write: {}", answer.json());
    }
}

/// A proxy that takes a prefix off leaves the origin as it is.
#[tokio::test]
async fn behind_a_path_prefix_the_origin_is_the_same() {
    let app =
        TestApp::builder().var("LATCHKEY_URL", "https://example.com/auth").build(latchkey_all::function());
    let body = json!({ "email": "user@example.com", "password": PASSWORD });
    let signed_up =
        app.send(TestRequest::post("/v1/signup", &body).header("origin", "https://example.com")).await;
    assert_eq!(signed_up.status, 201, "{}", signed_up.json());
    let pairs = signed_up
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().split(';').next().unwrap());
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let refresh = TestRequest::new(Method::POST, "/v1/token/refresh").header("cookie", &cookies);
    let refreshed = app.send(refresh.header("origin", "https://example.com")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.json());
    let discovery = app.send(TestRequest::get("/.well-known/openid-configuration")).await;
    assert_eq!(discovery.text("issuer"), "https://example.com/auth");
    assert_eq!(discovery.text("jwks_uri"), "https://example.com/auth/.well-known/jwks.json");
}

//! The headers of every answer on https, under load and while a store is away. The rest is in `headers` of tests/e2e.

use std::collections::HashSet;

use http::Method;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{PASSWORD, app, credentials, sign_up};

async fn limited(app: &TestApp) -> TestResponse {
    let wrong = TestRequest::post("/v1/signin", &credentials("nobody@example.com", "not the password"));
    for _ in 0..5 {
        assert_eq!(app.send(wrong.clone()).await.status, 401);
    }
    app.send(wrong).await
}

async fn unavailable(app: &TestApp) -> TestResponse {
    let user = sign_up(app, "user@example.com").await;
    app.table.faults.add(Fault::unavailable().on(Call::Get).times(100));
    app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await
}

#[tokio::test]
async fn an_answer_on_https_has_every_security_header_also_when_it_is_429_or_503() {
    let weak = TestRequest::post("/v1/signup", &credentials("weak@example.com", "password"));
    let new = TestRequest::post("/v1/signup", &credentials("new@example.com", PASSWORD));
    for (status, answer) in [
        (200, app().send(TestRequest::get("/.well-known/jwks.json")).await),
        (201, app().send(new).await),
        (404, app().send(TestRequest::get("/")).await),
        (422, app().send(weak).await),
        (429, limited(&app()).await),
        (503, unavailable(&app()).await),
    ] {
        assert_eq!(answer.status, status, "{}", answer.json());
        for (name, value) in [
            ("cross-origin-resource-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ),
            ("vary", "origin"),
        ] {
            let told: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(told, [value], "{status} {name}");
        }
        for name in ["server", "x-powered-by"] {
            assert!(!answer.headers.contains_key(name), "{status} {name}");
        }
        if status >= 400 {
            assert_eq!(answer.header("cache-control"), "no-store", "{status}");
        }
    }
}

#[tokio::test]
async fn another_process_has_other_request_ids() {
    let mut seen = HashSet::new();
    for seed in [1, 2] {
        let app = TestApp::builder().seed(seed).build(latchkey_all::function());
        for _ in 0..30 {
            let answer = app.send(TestRequest::get("/nothing")).await;
            assert!(seen.insert(answer.header("x-request-id").to_owned()));
        }
    }
}

#[tokio::test]
async fn a_429_and_a_503_say_when_to_come_again() {
    let answer = limited(&app()).await;
    for (name, value) in [
        ("retry-after", "60"),
        ("ratelimit-limit", "5"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "60"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let answer = unavailable(&app()).await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("unavailable", "1"));
}

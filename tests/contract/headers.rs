//! What every answer carries, whatever it is.

use std::collections::HashSet;

use http::Method;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{PASSWORD, Person, admin, app, credentials, sign_up};
use serde_json::json;

const ALWAYS: [(&str, &str); 7] = [
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
];

/// One answer of each status there is, by name.
async fn answers() -> Vec<(u16, TestResponse)> {
    let app = app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let get = |path: &str| TestRequest::get(path).bearer(&admin.access);
    let weak = credentials("weak@example.com", "password");
    let new = credentials("new@example.com", PASSWORD);
    let taken = credentials("user@example.com", PASSWORD);
    let wrong = credentials("user@example.com", "not the password");
    let requests = [
        (200, get("/v1/session")),
        (200, get("/.well-known/jwks.json")),
        (200, get("/openapi.json")),
        (200, get("/health")),
        (201, TestRequest::post("/v1/signup", &new)),
        (204, get("/v1/authorize?signed_in=true")),
        (400, TestRequest::post("/v1/signin", &json!({})).bytes(b"{".to_vec())),
        (401, TestRequest::get("/v1/session")),
        (401, TestRequest::post("/v1/signin", &wrong)),
        (401, TestRequest::get("/v1/session").bearer("nonsense")),
        (401, TestRequest::new(Method::POST, "/v1/token/refresh")),
        (401, TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": "nonsense" }))),
        (403, TestRequest::get("/v1/users").bearer(&user.access)),
        (403, TestRequest::post("/v1/signin", &wrong).header("origin", "https://evil.example")),
        (404, get("/nothing")),
        (404, get("//v1/session")),
        (405, TestRequest::new(Method::PUT, "/v1/signin")),
        (409, TestRequest::post("/v1/signup", &taken)),
        (413, TestRequest::post("/v1/signin", &json!({})).bytes(vec![b' '; 70_000])),
        (415, TestRequest::new(Method::POST, "/v1/signin").bytes(b"{}".to_vec())),
        (422, TestRequest::post("/v1/signup", &weak)),
    ];
    let mut answers = Vec::new();
    for (status, request) in requests {
        let answer = app.send(request).await;
        assert_eq!(answer.status, status, "{}", answer.json());
        answers.push((status, answer));
    }
    answers.push((429, limited(&app).await));
    answers.push((503, unavailable(&app, &admin).await));
    answers
}

async fn limited(app: &TestApp) -> TestResponse {
    let wrong = credentials("nobody@example.com", "not the password");
    for _ in 0..5 {
        let answer = app.send(TestRequest::post("/v1/signin", &wrong)).await;
        if answer.status == 429 {
            return answer;
        }
    }
    app.send(TestRequest::post("/v1/signin", &wrong)).await
}

async fn unavailable(app: &TestApp, user: &Person) -> TestResponse {
    app.table.faults.add(Fault::unavailable().on(Call::Get).times(100));
    let answer = app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await;
    app.table.faults.clear();
    answer
}

#[tokio::test]
async fn the_security_headers_are_on_every_answer() {
    for (status, answer) in answers().await {
        assert_eq!(answer.status, status, "{}", answer.json());
        for (name, value) in ALWAYS {
            assert_eq!(answer.header(name), value, "{status} {name}");
            assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{status} {name}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"), "{status}");
        assert_eq!(answer.header("vary"), "origin", "{status}");
        for name in ["server", "x-powered-by"] {
            assert!(!answer.headers.contains_key(name), "{status} {name}");
        }
    }
}

#[tokio::test]
async fn hsts_is_for_https_only() {
    let app = TestApp::builder().var("LATCHKEY_URL", "http://localhost:8787").build(latchkey_all::function());
    for path in ["/v1/session", "/nothing", "/.well-known/jwks.json"] {
        let answer = app.send(TestRequest::get(path)).await;
        assert!(!answer.headers.contains_key("strict-transport-security"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_request_id_is_never_used_twice() {
    let mut seen = HashSet::new();
    for (status, answer) in answers().await {
        let id = answer.header("x-request-id").to_owned();
        assert!(!id.is_empty() && seen.insert(id), "{status}");
    }
    // Another process, from other randomness.
    let other = TestApp::builder().seed(2).build(latchkey_all::function());
    for _ in 0..30 {
        let answer = other.send(TestRequest::get("/nothing")).await;
        assert!(seen.insert(answer.header("x-request-id").to_owned()));
    }
}

#[tokio::test]
async fn a_clients_request_id_is_not_taken_over() {
    let answer =
        app().send(TestRequest::get("/nothing").header("x-request-id", "chosen-by-the-client")).await;
    assert_ne!(answer.header("x-request-id"), "chosen-by-the-client");
}

#[tokio::test]
async fn personal_data_and_tokens_are_not_stored() {
    let app = app();
    let admin = admin(&app).await;
    let cookie = json!({ "email": "cookie@example.com", "password": PASSWORD });
    let bearer = credentials("bearer@example.com", PASSWORD);
    let id = &admin.id;
    let mut requests = vec![
        TestRequest::post("/v1/signup", &cookie),
        TestRequest::post("/v1/signup", &bearer),
        TestRequest::post("/v1/signin", &cookie),
        TestRequest::post("/v1/signin", &bearer),
        TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": admin.refresh })),
        TestRequest::post("/v1/permissions/check", &json!({ "permission": "a:b" })).bearer(&admin.access),
    ];
    let paths = [
        "/v1/session",
        "/v1/sessions",
        "/v1/permissions",
        "/v1/authorize?signed_in=true",
        "/v1/roles",
        "/v1/users",
        "/v1/audit",
    ];
    let paths = paths.map(str::to_owned).into_iter().chain([
        format!("/v1/users/{id}"),
        format!("/v1/users/{id}/sessions"),
        "/v1/roles/user".to_owned(),
        "/v1/users?email=admin@example.com".to_owned(),
    ]);
    requests.extend(paths.map(|path| TestRequest::get(&path).bearer(&admin.access)));
    for request in requests {
        let answer = app.send(request.clone()).await;
        assert!(answer.status.is_success(), "{}", answer.json());
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.json());
    }
}

#[tokio::test]
async fn no_problem_is_stored() {
    for (status, answer) in answers().await {
        if status >= 400 {
            assert_eq!(answer.header("cache-control"), "no-store", "{status}");
        }
    }
}

#[tokio::test]
async fn what_everyone_may_see_may_be_kept_for_a_while() {
    let app = app();
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"] {
        let answer = app.send(TestRequest::get(path)).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=300", "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
    }
}

#[tokio::test]
async fn answers_vary_by_origin() {
    for (status, answer) in answers().await {
        // What the edge refuses is not stored and has no CORS headers to vary.
        if answer.header("cache-control") == "no-store" && status >= 400 {
            continue;
        }
        let vary: Vec<_> =
            answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.join(",").to_ascii_lowercase().contains("origin"), "{status}: {vary:?}");
    }
}

#[tokio::test]
async fn a_401_says_how_to_sign_in() {
    for (_, answer) in answers().await.iter().filter(|(status, _)| *status == 401) {
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer"), "{}: {challenge:?}", answer.json());
        assert_eq!(challenge.contains("error="), answer.code() == "invalid_token", "{}", answer.json());
    }
}

#[tokio::test]
async fn a_429_says_when_to_come_again() {
    let answer = limited(&app()).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(answer.header("ratelimit-limit"), "5");
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    assert_eq!(answer.header("ratelimit-reset"), "60");
}

#[tokio::test]
async fn a_503_says_when_to_come_again() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let answer = unavailable(&app, &user).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
}

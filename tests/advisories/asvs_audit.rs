//! OWASP ASVS 5.0, V16: what is written down, and what never is.

use http::Method;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, Person, admin, credentials, open_app, sign_up};
use serde_json::{Value, json};

async fn events(app: &TestApp, admin: &Person, query: &str) -> Vec<Value> {
    let answer =
        app.send(TestRequest::get(&format!("/v1/audit?limit=200{query}")).bearer(&admin.access)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["events"].as_array().unwrap().clone()
}

async fn of(app: &TestApp, admin: &Person, action: &str) -> Value {
    let events = events(app, admin, &format!("&action={action}")).await;
    events.first().unwrap_or_else(|| panic!("no {action}")).clone()
}

#[tokio::test]
async fn asvs_16_3_1_to_16_3_3_success_failure_and_refusal_are_written_down() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let signin = |password: &str| TestRequest::post("/v1/signin", &credentials("user@example.com", password));
    app.send(signin(PASSWORD)).await;
    app.send(TestRequest::post("/v1/signup", &credentials("user@example.com", PASSWORD))).await;
    for _ in 0..5 {
        app.send(signin("wrong password")).await;
    }
    app.send(signin(PASSWORD)).await;
    app.send(TestRequest::post("/v1/signin", &credentials("nobody@example.com", "wrong password"))).await;
    app.send(TestRequest::get("/v1/users").bearer(&user.access)).await;
    app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await;
    for (action, actor, about) in [
        ("signup:succeeded", format!("user:{}", user.id), Some(&user.id)),
        ("signup:refused", "anonymous".into(), None),
        ("signin:succeeded", format!("user:{}", user.id), Some(&user.id)),
        ("signin:locked", "anonymous".into(), Some(&user.id)),
        ("signin:refused", "anonymous".into(), Some(&user.id)),
        ("signin:failed", "anonymous".into(), Some(&user.id)),
        ("signin:failed", "anonymous".into(), None),
        ("permission:denied", format!("user:{}", user.id), Some(&user.id)),
        ("session:revoked", format!("user:{}", user.id), Some(&user.id)),
    ] {
        let all = events(&app, &admin, &format!("&action={action}")).await;
        let event = all
            .iter()
            .find(|event| event["actor"] == actor && event["user_id"].as_str() == about.map(String::as_str))
            .unwrap_or_else(|| panic!("{action} by {actor} about {about:?} is not in {all:?}"));
        assert_eq!(event["at"], "2026-01-01T00:00:00.000Z", "{action}: in UTC");
        assert!(event["address"].is_string(), "{action}: from where");
    }
    let denied = of(&app, &admin, "permission:denied").await;
    assert_eq!(denied["resource"], "GET /v1/users");
    assert_eq!(denied["details"]["permission"], "users:read");
}

#[tokio::test]
async fn asvs_16_3_3_what_administrators_do_is_written_down() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let path = format!("/v1/users/{}", user.id);
    let put = |path: &str, body: &Value| TestRequest::new(Method::PUT, path).json(body);
    for (action, request) in [
        ("role:put", put("/v1/roles/new", &json!({}))),
        ("role:granted", put(&format!("{path}/roles/new"), &json!({}))),
        ("role:revoked", TestRequest::new(Method::DELETE, &format!("{path}/roles/new"))),
        ("role:deleted", TestRequest::new(Method::DELETE, "/v1/roles/new")),
        ("session:all_revoked", TestRequest::new(Method::DELETE, &format!("{path}/sessions"))),
        ("user:disabled", TestRequest::new(Method::PATCH, &path).json(&json!({ "status": "disabled" }))),
        ("user:enabled", TestRequest::new(Method::PATCH, &path).json(&json!({ "status": "active" }))),
        ("user:deleted", TestRequest::new(Method::DELETE, &path)),
    ] {
        // Events of one millisecond have no order.
        app.clock.advance(std::time::Duration::from_millis(1));
        let answer = app.send(request.bearer(&admin.access).header("user-agent", "test/1")).await;
        assert!(answer.status.is_success(), "{action}: {}", answer.json());
        let event = of(&app, &admin, action).await;
        assert_eq!(event["actor"], format!("user:{}", admin.id), "{action}");
        assert_eq!(event["user_agent"], "test/1", "{action}");
        if action.starts_with("role:") {
            assert_eq!(event["resource"], "role:new", "{action}");
        } else {
            assert_eq!(event["user_id"], user.id.as_str(), "{action}");
        }
    }
}

#[tokio::test]
async fn asvs_16_2_5_no_credential_is_written_down() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    app.send(TestRequest::post("/v1/signin", &credentials("user@example.com", "a mistyped password"))).await;
    app.send(TestRequest::post("/v1/signin", &credentials("nobody@example.com", PASSWORD))).await;
    let refresh = || TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": user.refresh }));
    let next = app.send(refresh()).await.text("refresh_token");
    let second = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": next }));
    assert_eq!(app.send(second).await.status, 200);
    app.clock.advance(std::time::Duration::from_secs(11));
    assert_eq!(app.send(refresh()).await.status, 401);
    let text = Value::from(events(&app, &admin, "").await).to_string();
    assert!(text.contains("token:reused"));
    for secret in
        [PASSWORD, "a mistyped password", &user.refresh, &next, &user.access, "argon2", "nobody@example.com"]
    {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn asvs_16_4_1_a_client_cannot_write_lines_of_its_own() {
    let app = open_app();
    let admin = admin(&app).await;
    let long = format!("agent\t\"}},{{\"action\":\"role:granted\" {}", "x".repeat(5_000));
    let request = TestRequest::post("/v1/signin", &credentials("nobody@example.com", "wrong password"));
    app.send(request.header("user-agent", &long)).await;
    let event = of(&app, &admin, "signin:failed").await;
    let agent = event["user_agent"].as_str().unwrap();
    assert!(agent.chars().count() <= 256 && !agent.chars().any(char::is_control), "{agent}");
    assert!(
        events(&app, &admin, "&action=role:granted").await.iter().all(|event| event["actor"] == "operator")
    );
}

#[tokio::test]
async fn asvs_16_4_2_nobody_changes_or_reads_the_log_without_the_right() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    assert_eq!(app.send(TestRequest::get("/v1/audit").bearer(&user.access)).await.status, 403);
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = app.send(TestRequest::new(method.clone(), "/v1/audit").bearer(&admin.access)).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let before = events(&app, &admin, "").await;
    let delete = TestRequest::new(Method::DELETE, &format!("/v1/users/{}", user.id)).bearer(&admin.access);
    assert_eq!(app.send(delete).await.status, 204);
    let after = events(&app, &admin, "").await;
    for event in before {
        assert!(after.contains(&event), "deleting the user took {event}");
    }
}

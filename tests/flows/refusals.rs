//! Every refusal is in the audit log, whoever forgets to write it.

use std::net::IpAddr;
use std::time::Duration;

use latchkey_core::audit::{Action, Actor, Event};
use latchkey_testkit::{Call, Fault, TestApp, TestRequest};
use serde_json::{Value, json};

use crate::support::{
    PASSWORD, admin, app, events, get, post, refresh, send_json, sign_up, signin_request, start,
};

async fn only(app: &TestApp, action: Action) -> Event {
    let found = events(app, action).await;
    assert_eq!(found.len(), 1, "{action:?}: {found:?}");
    found[0].clone()
}

fn code(event: &Event) -> &str {
    &event.details["code"]
}

#[tokio::test]
async fn a_refusal_of_authority_names_who_asked_for_what() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    assert_eq!(get(&app, "/v1/users", &ada).await.code(), "permission_denied");
    let denied = only(&app, Action::PermissionDenied).await;
    assert_eq!((denied.actor, denied.user_id), (Actor::User(ada.user_id()), Some(ada.user_id())));
    assert_eq!(denied.resource.as_deref(), Some("GET /v1/users"));
    assert_eq!((code(&denied), denied.details["permission"].as_str()), ("permission_denied", "users:read"));
    assert_eq!(denied.address.as_deref(), Some("198.51.100.7"));

    // Two that are decided far behind the route, by two statuses.
    let path = format!("/v1/users/{}", root.id);
    let last = send_json(&app, "PATCH", &path, &root, &json!({ "status": "disabled" })).await;
    assert_eq!((last.status.as_u16(), last.code().as_str()), (409, "last_admin"));
    let refused = only(&app, Action::AuthorityRefused).await;
    assert_eq!(refused.actor, Actor::User(root.user_id()));
    assert_eq!(refused.resource, Some(format!("PATCH {path}")));
    assert_eq!(code(&refused), "last_admin");
}

#[tokio::test]
async fn a_request_of_another_site_is_written_down_once_a_minute_for_each_client() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let forged = |from: &str| {
        TestRequest::post("/v1/signout", &Value::Null)
            .header("cookie", &format!("__Host-latchkey-access={}", ada.access))
            .header("sec-fetch-site", "cross-site")
            .header("user-agent", "browser/1")
            .peer(Some(from.parse::<IpAddr>().unwrap()))
    };
    for _ in 0..5 {
        assert_eq!(app.send(forged("192.0.2.1")).await.code(), "cross_site_request");
    }
    let event = only(&app, Action::RequestForged).await;
    assert_eq!((event.actor, event.resource.as_deref()), (Actor::Anonymous, Some("POST /v1/signout")));
    assert_eq!(event.address.as_deref(), Some("192.0.2.1"));
    assert_eq!(event.user_agent.as_ref().map(latchkey_core::audit::UserAgent::as_str), Some("browser/1"));
    app.send(forged("192.0.2.2")).await;
    let found = events(&app, Action::RequestForged).await;
    assert_eq!(found.len(), 2, "another client");
    assert!(found.iter().any(|event| event.details.get("unwritten").is_some_and(|n| n == "4")));
    app.clock.advance(Duration::from_mins(1));
    app.send(forged("192.0.2.1")).await;
    assert_eq!(events(&app, Action::RequestForged).await.len(), 3, "another minute");
}

#[tokio::test]
async fn many_clients_cannot_flood_the_log() {
    let app = app().await;
    for n in 0..=255_u8 {
        let from = IpAddr::from([203, 0, 113, n]);
        let forged = TestRequest::post("/v1/signin", &Value::Null).header("origin", "https://evil.example");
        assert_eq!(app.send(forged.peer(Some(from))).await.status, 403);
    }
    assert_eq!(events(&app, Action::RequestForged).await.len(), 100);
}

#[tokio::test]
async fn a_limit_is_written_down_once_a_minute() {
    let app = start(TestApp::unlimited().var("LATCHKEY_LIMITS", "signin=2/1m")).await;
    for n in 0..6 {
        let answer = app.send(signin_request("nobody@example.com", "not the right one")).await;
        assert_eq!(answer.status, if n < 2 { 401 } else { 429 });
    }
    let event = only(&app, Action::RequestLimited).await;
    assert_eq!((event.resource.as_deref(), code(&event)), (Some("POST /v1/signin"), "rate_limited"));
}

#[tokio::test]
async fn a_refresh_after_the_sign_out_is_written_down() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    post(&app, "/v1/signout", &ada).await;
    assert_eq!(refresh(&app, &ada.refresh).await.code(), "invalid_refresh_token");
    let event = only(&app, Action::TokenRefused).await;
    assert_eq!(code(&event), "invalid_refresh_token");
    let text = serde_json::to_string(&event).unwrap();
    assert!(!text.contains(&ada.refresh) && !text.contains("lkr_"), "{text}");
}

#[tokio::test]
async fn a_code_that_nobody_gave_is_written_down() {
    let app = app().await;
    let body = json!({ "code": "lkc_nobody-gave-this", "code_verifier": "x".repeat(43) });
    assert_eq!(app.send(TestRequest::post("/v1/oauth/exchange", &body)).await.code(), "invalid_signin_code");
    assert_eq!(code(&only(&app, Action::TokenRefused).await), "invalid_signin_code");
}

/// A store that fails turns no refusal into anything else.
#[tokio::test]
async fn who_is_refused_stays_refused_when_it_cannot_be_written_down() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    app.table.faults.add(Fault::unavailable().on(Call::Commit));
    assert_eq!(get(&app, "/v1/users", &ada).await.code(), "permission_denied");
    let forged = TestRequest::post("/v1/signin", &Value::Null).header("origin", "https://evil.example");
    assert_eq!(app.send(forged).await.code(), "cross_site_request");
    app.table.faults.clear();
    assert!(events(&app, Action::PermissionDenied).await.is_empty());
}

/// What a sign-in refuses is written in its own commit, and not once more.
#[tokio::test]
async fn a_refusal_is_written_down_once() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    let ada = sign_up(&app, "ada@example.com").await;
    let path = format!("/v1/users/{}", ada.id);
    send_json(&app, "PATCH", &path, &root, &json!({ "status": "disabled" })).await;
    assert_eq!(app.send(signin_request("ada@example.com", PASSWORD)).await.status, 403);
    only(&app, Action::SigninRefused).await;
    assert!(events(&app, Action::AuthorityRefused).await.is_empty());
}

//! `/v1/session`, `/v1/sessions`, `/v1/signout`.

use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_http::Function;
use latchkey_testkit::people::{
    PASSWORD, Person, address, check, cookie, events, get, post, refresh, send, sign_in, sign_up,
    signin_request,
};
use latchkey_testkit::{TestApp, TestRequest};
use serde_json::Value;

/// Sessions, and the operations that show the effects of their rules.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_permission_check::function())
        .merge(latchkey_signin::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

async fn app() -> TestApp {
    TestApp::unlimited().start(operations()).await
}

/// Returns the last moment before `duration` ends.
fn short_of(duration: Duration) -> Duration {
    duration.checked_sub(Duration::from_millis(1)).unwrap()
}

const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(1);

async fn listed(app: &TestApp, person: &Person) -> Vec<Value> {
    let response = get(app, "/v1/sessions", person).await;
    assert_eq!((response.status.as_u16(), response.header("cache-control")), (200, "no-store"));
    response.json()["sessions"].as_array().unwrap().clone()
}

async fn is_out(app: &TestApp, person: &Person) -> bool {
    let access = check(app, person, &serde_json::json!({"permission": "a:b", "fresh": true})).await;
    let refreshed = refresh(app, &person.refresh).await;
    assert_eq!(access.status, refreshed.status, "both tokens speak for one session");
    access.status == 401
}

#[tokio::test]
async fn a_session_shows_whose_it_is() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let response = get(&app, "/v1/session", &ada).await;
    assert_eq!(response.text("user.id"), ada.id);
    assert_eq!(response.text("session.created_at"), "2026-01-01T00:00:00.000Z");
    assert_eq!(response.text("session.expires_at"), "2026-01-08T00:00:00.000Z");
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(app.send(TestRequest::get("/v1/session")).await.code(), "not_signed_in");
}

#[tokio::test]
async fn sessions_are_listed_newest_first_with_device_and_address() {
    let app = app().await;
    sign_up(&app, "eve@example.com").await;
    let first = sign_up(&app, "ada@example.com").await;
    for (n, agent) in [(1, "Phone/1.0"), (2, "Laptop/2.0")] {
        app.clock.advance(Duration::from_secs(1));
        let request = signin_request("ada@example.com", PASSWORD).peer(Some(address(n)));
        assert_eq!(app.send(request.header("user-agent", agent)).await.status, 200);
    }
    let sessions = listed(&app, &first).await;
    let seen: Vec<_> = sessions
        .iter()
        .map(|s| (s["user_agent"].as_str(), s["address"].as_str().unwrap(), s["current"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            (Some("Laptop/2.0"), "203.0.113.2", false),
            (Some("Phone/1.0"), "203.0.113.1", false),
            (None, "198.51.100.7", true)
        ]
    );
    assert!(!sessions[0].to_string().contains("lkr_") && !sessions[0].to_string().contains("family"));
}

#[tokio::test]
async fn an_account_has_a_hundred_sessions_and_the_oldest_gives_way() {
    let app = app().await;
    let first = sign_up(&app, "ada@example.com").await;
    let mut latest = first.clone();
    for n in 0..300 {
        app.clock.advance(Duration::from_secs(1));
        latest = sign_in(&app, "ada@example.com").await;
        if n == 120 {
            assert!(is_out(&app, &first).await, "without a listing too");
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut path = "/v1/sessions?limit=40".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = get(&app, &path, &latest).await.json();
        let sessions = page["sessions"].as_array().unwrap();
        sizes.push(sessions.len());
        seen.extend(sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/sessions?limit=40&cursor={next}");
    }
    assert_eq!((sizes, seen.len()), (vec![40, 40, 20], 100));
    assert!(seen.contains(&latest.session) && !is_out(&app, &latest).await);
    let ended = events(&app, Action::SessionRevoked).await;
    assert!(ended.iter().all(|event| event.details["reason"] == "too_many_sessions"));
    for query in ["limit=0", "limit=201", "cursor=x", "limt=5"] {
        let response = get(&app, &format!("/v1/sessions?{query}"), &latest).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (400, "invalid_request"), "{query}");
    }
}

#[tokio::test]
async fn one_session_is_revoked_and_the_others_live() {
    let app = app().await;
    let here = sign_up(&app, "ada@example.com").await;
    let there = sign_in(&app, "ada@example.com").await;
    let path = format!("/v1/sessions/{}", there.session);
    assert_eq!(send(&app, "DELETE", &path, &here).await.status, 204);
    assert!(is_out(&app, &there).await);
    assert_eq!(get(&app, "/v1/session", &there).await.code(), "session_ended");
    assert_eq!(listed(&app, &here).await.len(), 1);
    assert_eq!(send(&app, "DELETE", &path, &here).await.status, 404, "it is gone");
    let revoked = events(&app, Action::SessionRevoked).await;
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].resource, Some(format!("session:{}", there.session)));
    assert!(!is_out(&app, &here).await);
}

#[tokio::test]
async fn nobody_revokes_what_is_not_theirs() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let eve = sign_up(&app, "eve@example.com").await;
    for id in [ada.session.as_str(), "0198c0de-0000-7000-8000-000000000000", "nonsense"] {
        let response = send(&app, "DELETE", &format!("/v1/sessions/{id}"), &eve).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (404, "not_found"), "{id}");
    }
    assert!(!is_out(&app, &ada).await);
}

#[tokio::test]
async fn signing_out_ends_this_session_and_removes_its_cookies() {
    let app = app().await;
    let other = sign_up(&app, "ada@example.com").await;
    let body = serde_json::json!({"email": "ada@example.com", "password": PASSWORD});
    let signed_in = app.send(TestRequest::post("/v1/signin", &body)).await;
    let access = cookie(&signed_in, "__Host-latchkey-access");
    let with_cookie = |request: TestRequest| {
        request
            .header("cookie", &format!("__Host-latchkey-access={access}"))
            .header("sec-fetch-site", "same-origin")
    };
    let signout = || with_cookie(TestRequest::new("POST".parse().unwrap(), "/v1/signout"));
    let response = app.send(signout()).await;
    assert_eq!(response.status, 204);
    for name in ["__Host-latchkey-access", "__Host-latchkey-refresh"] {
        assert!(response.set_cookie(name).unwrap().starts_with("; "), "{name} is emptied");
        assert!(response.set_cookie(name).unwrap().contains("Max-Age=0"), "{name} ends");
    }
    assert_eq!(app.send(with_cookie(TestRequest::get("/v1/session"))).await.code(), "session_ended");
    assert_eq!(app.send(signout()).await.status, 401, "there is nothing left to end");
    assert!(!is_out(&app, &other).await);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_one_user() {
    let app = app().await;
    let eve = sign_up(&app, "eve@example.com").await;
    let first = sign_up(&app, "ada@example.com").await;
    let second = sign_in(&app, "ada@example.com").await;
    assert_eq!(post(&app, "/v1/signout/all", &first).await.status, 204);
    assert!(is_out(&app, &first).await && is_out(&app, &second).await);
    assert!(!is_out(&app, &eve).await);
    assert_eq!(events(&app, Action::SessionsRevoked).await.len(), 1);
    let third = sign_in(&app, "ada@example.com").await;
    assert_eq!(listed(&app, &third).await.len(), 1);
    assert!(!is_out(&app, &third).await);
}

#[tokio::test]
async fn a_session_that_is_not_used_ends_after_seven_days() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    app.clock.advance(short_of(7 * DAY));
    let used = Person::read(&refresh(&app, &ada.refresh).await);
    assert_eq!(listed(&app, &used).await.len(), 1);
    app.clock.advance(7 * DAY);
    assert_eq!(refresh(&app, &used.refresh).await.code(), "invalid_refresh_token");
    let again = sign_in(&app, "ada@example.com").await;
    assert_eq!(listed(&app, &again).await.len(), 1);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let app = app().await;
    let mut ada = sign_up(&app, "ada@example.com").await;
    for _ in 0..5 {
        app.clock.advance(5 * DAY);
        ada = Person::read(&refresh(&app, &ada.refresh).await);
    }
    app.clock.advance(short_of(5 * DAY));
    let response = refresh(&app, &ada.refresh).await;
    assert_eq!(response.text("session.expires_at"), "2026-01-31T00:00:00.000Z");
    ada = Person::read(&response);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
    app.clock.advance(MOMENT);
    assert_eq!(
        get(&app, "/v1/session", &ada).await.code(),
        "session_ended",
        "its access token has minutes left"
    );
    assert_eq!(refresh(&app, &ada.refresh).await.code(), "invalid_refresh_token");
}

#[tokio::test]
async fn that_a_session_was_seen_is_written_once_a_day() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    app.clock.advance(short_of(DAY));
    let ada = Person::read(&refresh(&app, &ada.refresh).await);
    let seen_at = async || listed(&app, &ada).await[0]["seen_at"].as_str().unwrap().to_owned();
    assert_eq!(seen_at().await, "2026-01-01T00:00:00.000Z");
    app.clock.advance(MOMENT);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
    assert_eq!(seen_at().await, "2026-01-02T00:00:00.000Z");

    app.clock.advance(Duration::from_mins(1));
    get(&app, "/v1/session", &ada).await;
    app.trips.take();
    get(&app, "/v1/session", &ada).await;
    assert_eq!(app.trips.take(), 0, "nothing is written again today");
    assert_eq!(seen_at().await, "2026-01-02T00:00:00.000Z");
    app.clock.advance(DAY);
    let response = refresh(&app, &ada.refresh).await;
    assert_eq!(response.text("session.seen_at"), "2026-01-03T00:01:00.000Z");
}

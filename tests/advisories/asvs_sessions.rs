//! OWASP ASVS 5.0, V7: sessions.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Method;
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{PASSWORD, Person, admin, credentials, grant, open_app, sign_in, sign_up};
use serde_json::json;

const DAY: Duration = Duration::from_hours(24);

async fn refresh(app: &TestApp, token: &str) -> TestResponse {
    app.send(TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": token }))).await
}

async fn session(app: &TestApp, access: &str) -> u16 {
    app.send(TestRequest::get("/v1/session").bearer(access)).await.status.as_u16()
}

/// Nothing that the session's client holds opens anything, once `bound` has passed.
async fn assert_dead(app: &TestApp, user: &Person, bound: Duration) {
    let fresh = TestRequest::new(Method::DELETE, "/v1/sessions/0195f2a0-7c1e-7b3a-8f00-0123456789ab");
    assert_eq!(app.send(fresh.bearer(&user.access)).await.status, 401, "on a change at once");
    assert_eq!(refresh(app, &user.refresh).await.code(), "invalid_refresh_token");
    app.clock.advance(bound);
    assert_eq!(session(app, &user.access).await, 401);
}

#[tokio::test]
async fn asvs_7_2_1_a_session_that_the_server_does_not_know_is_none() {
    let app = open_app();
    let other = TestApp::builder().var("LATCHKEY_LIMITS", "off").build(latchkey_all::function());
    let user = sign_up(&other, "user@example.com").await;
    // The same seed made the same keys: the signature is good, and the session is in the other store only.
    assert_eq!(session(&other, &user.access).await, 200);
    sign_up(&app, "user@example.com").await;
    let elsewhere = sign_in(&other, "user@example.com").await;
    assert_eq!(session(&app, &elsewhere.access).await, 401);
    assert_eq!(refresh(&app, &elsewhere.refresh).await.status, 401);
}

#[tokio::test]
async fn asvs_7_2_3_and_11_5_1_refresh_tokens_have_256_random_bits_and_rest_hashed() {
    let app = open_app();
    let (mut seen, mut shortest) = (HashSet::new(), usize::MAX);
    for n in 0..20 {
        let user = sign_up(&app, &format!("user{n}@example.com")).await;
        shortest = shortest.min(user.refresh.len());
        assert!(seen.insert(user.refresh.clone()));
        assert!(!user.refresh.contains(&user.id.replace('-', "")));
        let (id, session) = (user.id.parse().unwrap(), user.session.parse().unwrap());
        let key = latchkey_core::session::Session::key(id, session);
        let found = app.services.ports.table.get(&[key], latchkey_testkit::TestClock::START).await.unwrap();
        let item: serde_json::Value = found[0].as_ref().expect("a session").decode().unwrap();
        assert!(!item.to_string().contains(&user.refresh));
        for part in user.refresh.split(['.', '_']).filter(|part| part.len() > 20) {
            assert!(!item.to_string().contains(part), "{item} holds {part}");
        }
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.encode([0; 32]).len();
    assert!(shortest >= bytes, "{shortest} characters hold fewer than 32 bytes");
}

#[tokio::test]
async fn asvs_7_2_4_and_cve_2026_7507_a_sign_in_begins_a_session_of_its_own() {
    let app = open_app();
    let first = sign_up(&app, "user@example.com").await;
    let attacker = sign_up(&app, "attacker@example.com").await;
    // With cookies that an attacker planted, the session that begins is none of theirs.
    let body = json!({ "email": "user@example.com", "password": PASSWORD });
    let planted =
        format!("__Host-latchkey-access={}; __Host-latchkey-refresh={}", attacker.access, attacker.refresh);
    let request = TestRequest::post("/v1/signin", &body)
        .header("origin", latchkey_testkit::URL)
        .header("sec-fetch-site", "same-origin")
        .header("cookie", &planted);
    let answer = app.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.text("user.id"), first.id);
    assert!(![&first.session, &attacker.session].contains(&&answer.text("session.id")));
    let cookie = answer.set_cookie("__Host-latchkey-access").unwrap().split(';').next().unwrap();
    assert_ne!(cookie, attacker.access);
}

#[tokio::test]
async fn asvs_7_3_1_a_session_that_is_not_used_ends_after_7_days() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    app.clock.advance(Duration::from_millis(7 * 86_400_000 - 1));
    let kept = refresh(&app, &user.refresh).await;
    assert_eq!(kept.status, 200, "{}", kept.json());
    app.clock.advance(7 * DAY);
    assert_eq!(refresh(&app, &kept.text("refresh_token")).await.code(), "invalid_refresh_token");
}

#[tokio::test]
async fn asvs_7_3_2_a_session_that_is_used_ends_after_30_days() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let (mut token, mut access) = (user.refresh, user.access);
    for day in 1..30 {
        app.clock.advance(DAY);
        let answer = refresh(&app, &token).await;
        assert_eq!(answer.status, 200, "day {day}: {}", answer.json());
        (token, access) = (answer.text("refresh_token"), answer.text("access_token"));
    }
    app.clock.advance(Duration::from_mins(24 * 60 - 5));
    let last = refresh(&app, &token).await;
    assert_eq!(last.status, 200);
    assert_ne!(access, last.text("access_token"));
    app.clock.advance(Duration::from_mins(5));
    assert_eq!(refresh(&app, &last.text("refresh_token")).await.code(), "invalid_refresh_token");
    assert_eq!(
        session(&app, &last.text("access_token")).await,
        401,
        "also where the token itself is not over"
    );
}

#[tokio::test]
async fn asvs_7_4_1_after_signing_out_nothing_is_left() {
    for path in ["/v1/signout", "/v1/signout/all"] {
        let app = open_app();
        let user = sign_up(&app, "user@example.com").await;
        assert_eq!(session(&app, &user.access).await, 200);
        let answer = app.send(TestRequest::new(Method::POST, path).bearer(&user.access)).await;
        assert_eq!(answer.status, 204);
        assert_dead(&app, &user, Duration::ZERO).await;
    }
}

#[tokio::test]
async fn asvs_7_4_1_another_process_notices_within_a_minute() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let table = app.services.ports.table.clone();
    let other =
        TestApp::builder().table(table).clock(app.clock.clone()).seed(2).build(latchkey_all::function());
    assert_eq!(session(&other, &user.access).await, 200, "it remembers the session now");
    assert_eq!(
        app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await.status,
        204
    );
    assert_dead(&other, &user, Duration::from_mins(1)).await;
}

#[tokio::test]
async fn asvs_7_4_2_and_ghsa_2vg6_77g8_24mp_disabling_or_deleting_a_user_ends_every_session() {
    for (method, body) in [(Method::PATCH, Some(json!({ "status": "disabled" }))), (Method::DELETE, None)] {
        let app = open_app();
        let admin = admin(&app).await;
        let user = sign_up(&app, "user@example.com").await;
        let second = sign_in(&app, "user@example.com").await;
        for of in [&user, &second] {
            assert_eq!(session(&app, &of.access).await, 200);
        }
        let mut request =
            TestRequest::new(method.clone(), &format!("/v1/users/{}", user.id)).bearer(&admin.access);
        if let Some(body) = &body {
            request = request.json(body);
        }
        assert!(app.send(request).await.status.is_success());
        assert_dead(&app, &user, Duration::from_mins(1)).await;
        assert_dead(&app, &second, Duration::from_mins(1)).await;
        let answer =
            app.send(TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD))).await;
        assert!([401, 403].contains(&answer.status.as_u16()), "{method}");
        if method == Method::DELETE {
            let again = sign_up(&app, "user@example.com").await;
            assert_ne!(again.id, user.id, "the address is free, for a new user");
            assert_eq!(session(&app, &user.access).await, 401);
        }
    }
}

#[tokio::test]
async fn an_account_that_is_enabled_again_starts_without_its_old_sessions() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    for status in ["disabled", "active"] {
        let path = format!("/v1/users/{}", user.id);
        let request =
            TestRequest::new(Method::PATCH, &path).json(&json!({ "status": status })).bearer(&admin.access);
        assert_eq!(app.send(request).await.status, 200);
    }
    assert_dead(&app, &user, Duration::from_mins(1)).await;
    sign_in(&app, "user@example.com").await;
}

#[tokio::test]
async fn asvs_7_5_2_users_list_and_end_their_own_sessions() {
    let app = open_app();
    let first = sign_up(&app, "user@example.com").await;
    let second = sign_in(&app, "user@example.com").await;
    sign_up(&app, "other@example.com").await;
    let list = app.send(TestRequest::get("/v1/sessions").bearer(&first.access)).await.json();
    let ids: HashSet<_> =
        list["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, HashSet::from([first.session.clone(), second.session.clone()]));
    let revoke = TestRequest::new(Method::DELETE, &format!("/v1/sessions/{}", second.session));
    assert_eq!(app.send(revoke.bearer(&first.access)).await.status, 204);
    assert_dead(&app, &second, Duration::from_mins(1)).await;
    assert_eq!(session(&app, &first.access).await, 200);
}

#[tokio::test]
async fn asvs_7_4_5_administrators_list_and_end_the_sessions_of_others() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let path = format!("/v1/users/{}/sessions", user.id);
    let list = app.send(TestRequest::get(&path).bearer(&admin.access)).await.json();
    assert_eq!(list["sessions"][0]["id"], user.session.as_str());
    assert!(!list.to_string().contains(&user.refresh) && !list.to_string().contains("family"), "{list}");
    assert_eq!(app.send(TestRequest::new(Method::DELETE, &path).bearer(&admin.access)).await.status, 204);
    assert_dead(&app, &user, Duration::from_mins(1)).await;
}

#[tokio::test]
async fn asvs_8_3_2_a_right_taken_away_is_gone_at_once_for_changes_and_within_a_minute_for_checks() {
    let app = open_app();
    let admin = admin(&app).await;
    let second = sign_up(&app, "second@example.com").await;
    grant(&app, &second, "admin").await;
    let may = |fresh: bool| {
        let body = json!({ "permission": "users:read", "fresh": fresh });
        let request = TestRequest::post("/v1/permissions/check", &body).bearer(&second.access);
        async { app.send(request).await.json()["allowed"] == true }
    };
    let table = app.services.ports.table.clone();
    let elsewhere =
        TestApp::builder().table(table).clock(app.clock.clone()).seed(2).build(latchkey_all::function());
    let path = format!("/v1/users/{}/roles/admin", second.id);
    assert!(may(true).await);
    let taken = TestRequest::new(Method::DELETE, &path).bearer(&admin.access);
    assert_eq!(elsewhere.send(taken).await.status, 200, "another process takes it");
    let users = TestRequest::get("/v1/users").bearer(&second.access);
    assert_eq!(app.send(users).await.code(), "permission_denied");
    assert!(!may(true).await);
    app.clock.advance(Duration::from_mins(1));
    assert!(!may(false).await);
}

#[tokio::test]
async fn rfc_9700_4_14_2_a_used_refresh_token_ends_the_session_for_every_holder() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let thief = refresh(&app, &user.refresh).await;
    assert_eq!(thief.status, 200);
    // It was a lost response until the next token is presented.
    let thief = refresh(&app, &thief.text("refresh_token")).await;
    app.clock.advance(Duration::from_secs(11));
    assert_eq!(refresh(&app, &user.refresh).await.code(), "invalid_refresh_token");
    assert_eq!(refresh(&app, &thief.text("refresh_token")).await.code(), "invalid_refresh_token");
    assert_eq!(session(&app, &thief.text("access_token")).await, 401);
    let sessions = sign_in(&app, "user@example.com").await;
    assert_eq!(session(&app, &sessions.access).await, 200, "the owner signs in anew");
}

#[tokio::test]
async fn a_lost_answer_or_a_second_tab_gets_the_same_successor() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let first = refresh(&app, &user.refresh).await;
    app.clock.advance(Duration::from_secs(9));
    let second = refresh(&app, &user.refresh).await;
    assert_eq!(first.text("refresh_token"), second.text("refresh_token"));
    assert_eq!(refresh(&app, &second.text("refresh_token")).await.status, 200);
}

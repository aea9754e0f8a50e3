//! `POST /v1/oauth/{provider}/link`.

use std::time::Duration;

use latchkey_testkit::people::{post, sign_up};
use latchkey_testkit::{FRONTEND, TestApp, TestRequest};

use super::start;

/// A service with GitHub.
async fn app() -> TestApp {
    let builder = TestApp::unlimited().var("GITHUB_CLIENT_ID", "client");
    start(builder.var("GITHUB_CLIENT_SECRET", "shared with github")).await
}

#[tokio::test]
async fn a_link_begins_with_a_cookie_and_an_address_at_the_provider() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    let answer = post(&app, "/v1/oauth/github/link?redirect_to=/settings", &owner).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let location = answer.text("location");
    assert!(location.starts_with("https://github.com/login/oauth/authorize?"), "{location}");
    assert!(location.contains("code_challenge_method=S256") && location.contains("state="), "{location}");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-latchkey-oauth-") && cookie.contains("HttpOnly"), "{cookie}");
    for known in [&owner.id, &owner.session, &"owner@example.com".to_owned()] {
        assert!(
            !location.contains(known.as_str()) && !cookie.contains(known.as_str()),
            "{location} {cookie}"
        );
    }
}

#[tokio::test]
async fn a_link_is_not_begun_after_ten_minutes_nor_towards_another_site() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    for (path, status, code) in [
        ("/v1/oauth/gitlab/link", 404, "not_found"),
        ("/v1/oauth/github/link?redirect_to=https://evil.example/", 400, "invalid_redirect"),
        ("/v1/oauth/github/link?redirect_to=//evil.example", 400, "invalid_redirect"),
    ] {
        let answer = post(&app, path, &owner).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
    app.clock.advance(Duration::from_mins(10) + Duration::from_millis(1));
    let answer = post(&app, "/v1/oauth/github/link", &owner).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "reauthentication_required"));
}

#[tokio::test]
async fn a_link_is_not_begun_by_another_site() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    let request = |origin: &str| {
        let cookie = format!("__Host-latchkey-access={}", owner.access);
        TestRequest::new("POST".parse().unwrap(), "/v1/oauth/github/link")
            .header("cookie", &cookie)
            .header("origin", origin)
            .header("sec-fetch-site", if origin == FRONTEND { "same-site" } else { "cross-site" })
    };
    assert_eq!(app.send(request("https://evil.example")).await.code(), "cross_site_request");
    assert_eq!(app.send(request(FRONTEND)).await.status, 200);
}

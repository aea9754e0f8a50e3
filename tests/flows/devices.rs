//! The cookie of a browser that signed in to an account before: it passes the lock, and is no credential.

use std::net::IpAddr;
use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use serde_json::json;

use crate::support::{PASSWORD, app, events, sign_up, signin_request, start};

const EMAIL: &str = "ada@example.com";
const PREFIX: &str = "__Host-latchkey-device-";

/// A browser: what it was given of cookies, and sends again.
#[derive(Clone, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    async fn send(&mut self, app: &TestApp, path: &str, email: &str, password: &str) -> TestResponse {
        let body = json!({ "email": email, "password": password });
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = TestRequest::post(path, &body).header("sec-fetch-site", "same-origin");
        if !cookies.is_empty() {
            request = request.header("cookie", &cookies.join("; "));
        }
        let answer = app.send(request).await;
        for set in device_cookies(&answer) {
            let (pair, _) = set.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !set.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn sign_up(app: &TestApp, email: &str) -> Self {
        let mut browser = Self::default();
        let answer = browser.send(app, "/v1/signup", email, PASSWORD).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        browser
    }

    async fn sign_in(&mut self, app: &TestApp, email: &str) -> TestResponse {
        self.send(app, "/v1/signin", email, PASSWORD).await
    }

    async fn guess(&mut self, app: &TestApp, email: &str) -> TestResponse {
        self.send(app, "/v1/signin", email, "not the right one").await
    }
}

fn device_cookies(answer: &TestResponse) -> Vec<String> {
    let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    all.filter(|value| value.starts_with(PREFIX)).map(ToOwned::to_owned).collect()
}

/// Strangers lock the account.
async fn lock(app: &TestApp, email: &str) {
    for _ in 0..5 {
        assert_eq!(app.send(signin_request(email, "not the right one")).await.code(), "invalid_credentials");
    }
    assert_eq!(app.send(signin_request(email, PASSWORD)).await.code(), "invalid_credentials", "locked");
}

#[tokio::test]
async fn a_browser_that_signs_up_or_in_is_remembered_for_400_days() {
    let app = app().await;
    for path in ["/v1/signup", "/v1/signin"] {
        let answer = Browser::default().send(&app, path, EMAIL, PASSWORD).await;
        let set = device_cookies(&answer);
        assert_eq!(set.len(), 1, "{set:?}");
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=34560000"] {
            assert!(set[0].split("; ").any(|part| part == attribute), "{attribute}: {}", set[0]);
        }
        assert!(!set[0].contains("Domain") && !set[0].contains("ada"), "{}", set[0]);
    }
    assert!(device_cookies(&app.send(signin_request(EMAIL, PASSWORD)).await).is_empty(), "bearer tokens");
    let mut stranger = Browser::default();
    assert!(device_cookies(&stranger.guess(&app, EMAIL).await).is_empty(), "a wrong password");
}

#[tokio::test]
async fn the_owners_browser_passes_a_lock_that_strangers_made() {
    let app = app().await;
    let mut ada = Browser::sign_up(&app, EMAIL).await;
    lock(&app, EMAIL).await;
    assert_eq!(ada.guess(&app, EMAIL).await.code(), "invalid_credentials");
    assert_eq!(ada.sign_in(&app, EMAIL).await.status, 200);
    // A right password ends the row, for everybody.
    assert_eq!(app.send(signin_request(EMAIL, PASSWORD)).await.status, 200);
    let by_device = events(&app, Action::SigninSucceeded).await;
    assert_eq!(by_device.iter().filter(|event| event.details.contains_key("device")).count(), 1);
}

#[tokio::test]
async fn a_cookie_alone_signs_nobody_in() {
    let app = app().await;
    let ada = Browser::sign_up(&app, EMAIL).await;
    let cookies: Vec<_> = ada.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = TestRequest::get("/v1/session").header("cookie", &cookies.join("; "));
    assert_eq!(app.send(request).await.code(), "not_signed_in");
}

#[tokio::test]
async fn wrong_passwords_from_a_known_browser_have_a_bound_of_their_own() {
    let app = app().await;
    let mut ada = Browser::sign_up(&app, EMAIL).await;
    let mut thief = ada.clone();
    for _ in 0..10 {
        thief.guess(&app, EMAIL).await;
    }
    assert_eq!(events(&app, Action::SigninFailed).await.len(), 10);
    assert!(events(&app, Action::SigninLocked).await.is_empty(), "they lock nobody out");
    // From here on it is a browser like any other.
    for _ in 0..5 {
        thief.guess(&app, EMAIL).await;
    }
    assert_eq!(events(&app, Action::SigninLocked).await.len(), 1);
    assert_eq!(thief.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
    assert_eq!(ada.sign_in(&app, EMAIL).await.code(), "invalid_credentials", "a copy of the same cookie");
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(ada.sign_in(&app, EMAIL).await.status, 200);
    lock(&app, EMAIL).await;
    assert_eq!(ada.sign_in(&app, EMAIL).await.status, 200, "trusted again");
}

#[tokio::test]
async fn a_cookie_is_good_for_its_account_alone() {
    let app = app().await;
    let mut eve = Browser::sign_up(&app, "eve@example.com").await;
    let mut ada = Browser::sign_up(&app, EMAIL).await;
    lock(&app, EMAIL).await;
    assert_eq!(eve.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
    // Under the name of the other's cookie.
    let value = eve.cookies[0].1.clone();
    let mut renamed = Browser { cookies: vec![(ada.cookies[0].0.clone(), value)] };
    assert_eq!(renamed.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
    let (name, value) = &ada.cookies[0];
    for forged in
        [value.to_uppercase(), String::new(), format!("{value}A"), value[..64].to_owned(), "é;".into()]
    {
        let mut forger = Browser { cookies: vec![(name.clone(), forged)] };
        assert_eq!(forger.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
    }
    assert_eq!(ada.sign_in(&app, EMAIL).await.status, 200);
}

#[tokio::test]
async fn a_cookie_of_a_deleted_account_is_a_strangers_at_the_next_one() {
    let app = app().await;
    let mut before = Browser::default();
    let made = before.send(&app, "/v1/signup", EMAIL, PASSWORD).await;
    let services = &app.services;
    let (by, from) =
        (latchkey_core::account::Authority::Operator, latchkey_core::audit::Requester::default());
    services.users.delete(made.text("user.id").parse().unwrap(), by, &from).await.unwrap();
    sign_up(&app, EMAIL).await;
    lock(&app, EMAIL).await;
    assert_eq!(before.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
}

#[tokio::test]
async fn a_cookie_expires() {
    let app = app().await;
    let mut ada = Browser::sign_up(&app, EMAIL).await;
    app.clock.advance(Duration::from_hours(400 * 24));
    lock(&app, EMAIL).await;
    assert_eq!(ada.sign_in(&app, EMAIL).await.code(), "invalid_credentials");
}

#[tokio::test]
async fn several_accounts_of_one_browser_each_pass_their_lock_and_eight_are_remembered() {
    let app = app().await;
    let mut browser = Browser::default();
    let email = |n: usize| format!("user{n}@example.com");
    for n in 0..10 {
        let answer = browser.send(&app, "/v1/signup", &email(n), PASSWORD).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        assert!(browser.cookies.len() <= 8, "{}", browser.cookies.len());
        app.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(browser.cookies.len(), 8);
    for n in 0..10 {
        lock(&app, &email(n)).await;
    }
    for n in 0..10 {
        let expected = if n < 2 { 401 } else { 200 };
        assert_eq!(
            browser.clone().sign_in(&app, &email(n)).await.status,
            expected,
            "the oldest two gave way: {n}"
        );
    }
}

#[tokio::test]
async fn strangers_use_up_the_windows_of_an_e_mail_and_not_those_of_the_owners_browser() {
    let app = start(TestApp::builder()).await;
    let mut ada = Browser::sign_up(&app, EMAIL).await;
    let stranger = async |n: u8, cookie: Option<&str>| {
        let mut request =
            signin_request(EMAIL, "not the right one").peer(Some(IpAddr::from([203, 0, 113, n])));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let mut answer = app.send(request).await;
        answer.headers.remove("x-request-id");
        answer
    };
    for n in 0..10 {
        assert_eq!(stranger(n, None).await.status, 401);
    }
    let limited = stranger(20, None).await;
    assert_eq!((limited.status.as_u16(), limited.header("ratelimit-limit")), (429, "10"));
    // A forged cookie is told the same as none.
    let forged = format!("{}={}", ada.cookies[0].0, "A".repeat(96));
    assert_eq!(stranger(21, Some(&forged)).await.headers, limited.headers);
    assert_eq!(ada.sign_in(&app, EMAIL).await.status, 200, "neither locked nor limited");
    // Its own windows are as wide as those of an e-mail.
    app.clock.advance(Duration::from_mins(1));
    for n in 0..9 {
        assert_eq!(ada.guess(&app, EMAIL).await.status, 401, "{n}");
        app.clock.advance(Duration::from_secs(15));
    }
    let limited = ada.guess(&app, EMAIL).await;
    assert_eq!((limited.status.as_u16(), limited.header("ratelimit-limit")), (429, "10"));
}

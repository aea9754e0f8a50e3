//! `POST /v1/signup`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use latchkey_core::audit::Action;
use latchkey_core::port::{Fetch, FetchError};
use latchkey_http::Function;
use latchkey_testkit::people::{
    PASSWORD, Person, address, cookie, events, get, sign_in, sign_up, signup_request,
};
use latchkey_testkit::{TestApp, TestAppBuilder, TestRequest, TestResponse};
use serde_json::json;

/// Sign-up, and the operations that show the effects of its rules.
fn operations() -> Function {
    crate::function().merge(latchkey_session::function()).merge(latchkey_signin::function())
}

async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start(operations()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}

async fn try_password(app: &TestApp, password: &str) -> TestResponse {
    app.send(TestRequest::post("/v1/signup", &json!({"email": "ada@example.com", "password": password})))
        .await
}

async fn try_name(app: &TestApp, email: &str, name: &str) -> TestResponse {
    let body = json!({"email": email, "password": PASSWORD, "name": name});
    app.send(TestRequest::post("/v1/signup", &body)).await
}

#[tokio::test]
async fn an_account_a_session_and_an_event_are_made_together() {
    let app = app().await;
    let response = app.send(signup_request("ada@example.com")).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("cache-control"), "no-store");
    assert_eq!(response.json()["user"]["roles"], json!(["user"]));
    assert_eq!(response.json()["user"]["email_verified"], false);
    assert_eq!(response.json()["expires_in"], 900);
    let ada = Person::read(&response);
    assert_eq!(get(&app, "/v1/session", &ada).await.text("session.id"), ada.session);
    let made = events(&app, Action::SignupSucceeded).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].user_id, Some(ada.user_id()));
    assert_eq!(made[0].address.as_deref(), Some("198.51.100.7"));
}

#[tokio::test]
async fn an_address_has_one_form_and_one_account() {
    let app = app().await;
    let ada = sign_up(&app, " Ada@Example.COM ").await;
    assert_eq!(ada.email, "ada@example.com");
    for spelling in ["ada@example.com", "ADA@example.com", " Ada@Example.COM "] {
        let response = app.send(signup_request(spelling)).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (409, "email_taken"), "{spelling}");
        assert_eq!(response.header("content-type"), "application/problem+json");
    }
    assert_eq!(events(&app, Action::SignupRefused).await.len(), 3);
    assert_eq!(sign_in(&app, "ADA@EXAMPLE.com").await.id, ada.id);
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    let app = app().await;
    for email in ["", "ada", "ada@localhost", "a b@example.com", "ada@example.com,eve@example.com"] {
        let response = app.send(signup_request(email)).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (422, "invalid_email"), "{email}");
    }
}

#[tokio::test]
async fn weak_passwords_are_refused_with_the_reason() {
    let app = app().await;
    let long = "x".repeat(257);
    for (password, reason) in [
        ("seven 7", "too short"),
        (long.as_str(), "too long"),
        ("password123", "one of the most common"),
        ("P@ssw0rd2024!", "one of the most common"),
        ("aaaaaaaaaaaa", "repeats"),
        ("121212121212121212121212121212", "repeats"),
        ("qwqwqwqwqwqwqwqwqwqwqwqwqwqwqw", "repeats"),
        ("1qaz2wsx3edc", "follows the keyboard"),
        ("violet\tharbour", "control character"),
        ("ada@example.com", "made of your e-mail address"),
        ("Latchkey-ada", "made of your e-mail address"),
    ] {
        let response = try_password(&app, password).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (422, "weak_password"),
            "{password}"
        );
        assert!(response.text("detail").contains(reason), "{password}: {}", response.text("detail"));
        assert!(!response.text("detail").contains(password), "the password is repeated");
    }
    assert_eq!(try_password(&app, "q7#Kz!2m").await.status, 201, "nothing was made before");
}

/// A breach service that knows one password, while it is up.
struct Breach(AtomicBool);

#[async_trait]
impl Fetch for Breach {
    async fn fetch(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<http::Response<Bytes>, FetchError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(FetchError::Timeout(deadline));
        }
        let range = request.uri().path().rsplit('/').next().unwrap_or_default();
        assert_eq!((request.uri().host(), range.len()), (Some("range.example.com"), 5));
        // printf 'seven green boats at noon' | sha1sum
        Ok(http::Response::new(Bytes::from_static(b"04462AC22BF3A767FF0E4403D2270B5D3A0:7\r\n")))
    }
}

#[tokio::test]
async fn a_password_from_a_breach_is_refused_where_a_service_is_asked() {
    let service = Arc::new(Breach(AtomicBool::new(false)));
    let builder = TestApp::builder().var("LATCHKEY_BREACHED", "https://range.example.com/range/");
    let app = start(builder.fetch(Arc::<Breach>::clone(&service))).await;
    for _ in 0..5 {
        let response = try_password(&app, "seven green boats at noon").await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (422, "weak_password"));
        assert!(response.text("detail").contains("breach"), "{}", response.text("detail"));
    }
    assert_eq!(app.send(signup_request("bob@example.com")).await.status, 201, "no sign-up was used up");
    app.trips.take();
    assert_eq!(try_password(&app, PASSWORD).await.status, 201);
    assert_eq!(app.trips.take(), 3, "counted before the service was asked");
    service.0.store(true, Ordering::SeqCst);
    let away = json!({"email": "eve@example.com", "password": "seven green boats at noon"});
    assert_eq!(app.send(TestRequest::post("/v1/signup", &away)).await.status, 201, "the service is down");
}

#[tokio::test]
async fn a_password_is_measured_and_compared_in_one_form() {
    let app = app().await;
    // 256 bytes are allowed. An é is one character of two bytes, in either normalization form.
    let (composed, typed) = ("caf\u{e9} tundra violet harbour", "cafe\u{301} tundra violet harbour");
    assert_eq!(try_password(&app, composed).await.status, 201);
    let signin = json!({"email": "ada@example.com", "password": typed});
    assert_eq!(app.send(TestRequest::post("/v1/signin", &signin)).await.status, 200);
    let longest = format!("{composed} {}", "x7".repeat(128))[..256].to_owned();
    let body = json!({"email": "eve@example.com", "password": longest});
    assert_eq!(app.send(TestRequest::post("/v1/signup", &body)).await.status, 201);
}

#[tokio::test]
async fn a_name_is_one_line_of_a_hundred_characters() {
    let app = app().await;
    let response = try_name(&app, "ada@example.com", "  Ada Lovelace ").await;
    assert_eq!((response.status.as_u16(), response.text("user.name").as_str()), (201, "Ada Lovelace"));
    let longest = "é".repeat(100);
    assert_eq!(try_name(&app, "bob@example.com", &longest).await.text("user.name"), longest);
    for name in ["", "   ", "Ada\nLovelace", "Ada\u{0}", &"é".repeat(101)] {
        let response = try_name(&app, "eve@example.com", name).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (422, "invalid_name"), "{name:?}");
    }
}

#[tokio::test]
async fn a_browser_gets_cookies_and_no_tokens_to_read() {
    let app = app().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let response = app.send(TestRequest::post("/v1/signup", &body)).await;
    assert_eq!(response.status, 201);
    assert_eq!(
        (response.text("access_token"), response.text("refresh_token")),
        (String::new(), String::new())
    );
    assert_eq!(response.text("session.transport"), "cookie");
    for (name, path) in [("__Host-latchkey-access", "Path=/"), ("__Host-latchkey-refresh", "Path=/")] {
        let set = response.set_cookie(name).unwrap_or_default();
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", path] {
            assert!(set.split("; ").any(|part| part == attribute), "{name}: {attribute} in {set}");
        }
        assert!(!set.contains("Domain="), "{set}");
    }
    let access = cookie(&response, "__Host-latchkey-access");
    let own = TestRequest::get("/v1/session").header("cookie", &format!("__Host-latchkey-access={access}"));
    assert_eq!(app.send(own).await.text("user.email"), "ada@example.com");
}

#[tokio::test]
async fn other_clients_get_tokens_and_no_cookies() {
    let app = app().await;
    let response = app.send(signup_request("ada@example.com")).await;
    assert!(!response.headers.contains_key("set-cookie"));
    assert_eq!(response.text("token_type"), "Bearer");
    assert_eq!(response.text("session.transport"), "bearer");
    let ada = Person::read(&response);
    assert_eq!(get(&app, "/v1/session", &ada).await.status, 200);
}

#[tokio::test]
async fn one_address_signs_up_three_times_in_fifteen_minutes() {
    let app = start(TestApp::builder()).await;
    for _ in 0..10 {
        assert_eq!(try_password(&app, "password").await.status, 422, "a refused password costs no count");
    }
    for n in 0..3 {
        let response = app.send(signup_request(&format!("ada{n}@example.com"))).await;
        assert_eq!(response.status, 201);
        assert_eq!(response.header("ratelimit-remaining"), (2 - n).to_string());
        app.clock.advance(Duration::from_mins(1));
    }
    let fourth = || signup_request("ada3@example.com");
    let response = app.send(fourth()).await;
    assert_eq!((response.status.as_u16(), response.code().as_str()), (429, "rate_limited"));
    // The first of the three leaves the window in 12 minutes.
    assert_eq!((response.header("retry-after"), response.header("ratelimit-limit")), ("720", "3"));
    assert_eq!(
        app.send(fourth().peer(Some(address(1)))).await.status,
        201,
        "other addresses are not affected"
    );
    app.clock.advance(Duration::from_mins(12));
    let again = app.send(signup_request("ada4@example.com")).await;
    assert_eq!(again.status, 201, "{}", again.json());
}

#[tokio::test]
async fn one_e_mail_is_tried_five_times_an_hour_from_anywhere() {
    let app = start(TestApp::builder()).await;
    for n in 0..5 {
        let response = app.send(signup_request("ada@example.com").peer(Some(address(n)))).await;
        assert_eq!(response.status.as_u16(), if n == 0 { 201 } else { 409 });
    }
    let response = app.send(signup_request("Ada@example.com").peer(Some(address(9)))).await;
    assert_eq!((response.status.as_u16(), response.header("retry-after")), (429, "3600"));
}

//! The two cookies of a browser session on https, and over time. The rest is in `cookies` of tests/e2e.

use std::time::Duration;

use http::Method;
use latchkey_testkit::{TestApp, TestRequest, TestResponse, URL};
use latchkey_tests::support::{PASSWORD, app, sign_up};
use serde_json::{Value, json};

const ACCESS: &str = "__Host-latchkey-access";
const REFRESH: &str = "__Host-latchkey-refresh";

fn cookie_body(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD })
}

/// The value of a cookie and its attributes in lower case.
fn parts(answer: &TestResponse, name: &str) -> (String, Vec<String>) {
    let text = answer.set_cookie(name).unwrap_or_else(|| panic!("{name} is not set: {:?}", answer.headers));
    let mut parts = text.split(';').map(str::trim);
    let value = parts.next().unwrap().to_owned();
    let mut attributes: Vec<_> = parts.map(str::to_ascii_lowercase).collect();
    attributes.sort();
    (value, attributes)
}

fn set_cookies(answer: &TestResponse) -> usize {
    answer.headers.get_all("set-cookie").iter().count()
}

/// The same request as a page of the service itself makes it.
fn same_origin(request: TestRequest, cookie: &str) -> TestRequest {
    request.header("origin", URL).header("sec-fetch-site", "same-origin").header("cookie", cookie)
}

#[tokio::test]
async fn on_https_names_and_attributes_bind_them_to_this_host() {
    let app = app();
    for path in ["/v1/signup", "/v1/signin"] {
        let answer = app.send(TestRequest::post(path, &cookie_body("user@example.com"))).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        assert_eq!(set_cookies(&answer), 3, "{path}: a header each, and one for the device, never folded");
        let (_, attributes) = parts(&answer, ACCESS);
        assert_eq!(attributes, ["httponly", "max-age=900", "path=/", "samesite=lax", "secure"], "{path}");
        let (_, attributes) = parts(&answer, REFRESH);
        assert_eq!(attributes, ["httponly", "max-age=604800", "path=/", "samesite=lax", "secure"], "{path}");
    }
}

#[tokio::test]
async fn an_expired_cookie_is_enough_to_sign_out() {
    let app = TestApp::builder().var("LATCHKEY_LIMITS", "off").build(latchkey_all::function());
    for minutes in [16, 24 * 60] {
        for names in [&[ACCESS][..], &[REFRESH], &[ACCESS, REFRESH]] {
            let made = app
                .send(TestRequest::post(
                    "/v1/signup",
                    &cookie_body(&format!("user{minutes}{}@example.com", names.concat().len())),
                ))
                .await;
            let both = [(ACCESS, parts(&made, ACCESS).0), (REFRESH, parts(&made, REFRESH).0)];
            let cookies: Vec<_> = both
                .iter()
                .filter(|(name, _)| names.contains(name))
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            app.clock.advance(Duration::from_mins(minutes));
            let out = || same_origin(TestRequest::new(Method::POST, "/v1/signout"), &cookies.join("; "));
            let answer = app.send(out()).await;
            assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (204, 2), "{minutes} {names:?}");
            let [_, (name, refresh)] = &both;
            let refreshed = TestRequest::new(Method::POST, "/v1/token/refresh");
            let answer = app.send(same_origin(refreshed, &format!("{name}={refresh}"))).await;
            assert_eq!(answer.code(), "invalid_refresh_token", "the session has ended");
            let again = app.send(out()).await;
            assert_eq!((again.code().as_str(), set_cookies(&again)), ("session_ended", 2));
        }
    }
}

#[tokio::test]
async fn signing_out_everywhere_needs_a_token_that_is_good_now() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (access, first) = (parts(&made, ACCESS).0, parts(&made, REFRESH).0);
    let other = latchkey_tests::support::sign_in(&app, "user@example.com").await;
    app.clock.advance(Duration::from_mins(16));
    let ask = |path: &str, cookie: &str| same_origin(TestRequest::new(Method::POST, path), cookie);
    let by_access = ask("/v1/signout/all", &format!("{ACCESS}={access}"));
    assert_eq!(app.send(by_access).await.code(), "invalid_token");
    let refreshed = app.send(ask("/v1/token/refresh", &format!("{REFRESH}={first}"))).await;
    let second = parts(&refreshed, REFRESH).0;
    let third = parts(&app.send(ask("/v1/token/refresh", &format!("{REFRESH}={second}"))).await, REFRESH).0;
    app.clock.advance(Duration::from_mins(16));
    let by_used = ask("/v1/signout/all", &format!("{REFRESH}={first}"));
    assert_eq!(
        app.send(by_used).await.code(),
        "invalid_token",
        "a used one is weak, and no reason to end the session"
    );
    let answer = app.send(ask("/v1/signout/all", &format!("{ACCESS}={access}; {REFRESH}={third}"))).await;
    assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (204, 2));
    let body = json!({ "refresh_token": other.refresh });
    assert_eq!(app.send(TestRequest::post("/v1/token/refresh", &body)).await.code(), "invalid_refresh_token");
}

#[tokio::test]
async fn a_name_that_only_looks_the_same_is_another_cookie() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for name in [
        "__host-latchkey-access",
        "__HOST-latchkey-access",
        "__Host-Latchkey-Access",
        "__Secure-latchkey-access",
        "latchkey-access",
        "latchkey-443-access",
        "Host-latchkey-access",
        "__Host-latchkey-access2",
        "x__Host-latchkey-access",
        "__Host-latchkey-access ",
        "__Host-latchkey-refresh",
    ] {
        let request = TestRequest::get("/v1/session").header("cookie", &format!("{name}={}", user.access));
        let answer = app.send(request).await;
        assert_eq!(answer.code(), "not_signed_in", "{name:?}");
    }
}

#[tokio::test]
async fn others_may_have_any_bytes_and_come_in_headers_of_their_own() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let good = format!("{ACCESS}={}", user.access);
    for foreign in [b"city=Z\xfcrich".as_slice(), b"\xff\xfe=\x80"] {
        let cookies = [foreign, b"; ", good.as_bytes(), b"; ", foreign].concat();
        let answer = app.send(TestRequest::get("/v1/session").header_bytes("cookie", &cookies)).await;
        assert_eq!(answer.status, 200, "{foreign:?}");
    }
    // HTTP/2 may split the header (RFC 9113, section 8.2.3).
    for (other, status) in [("a=b".to_owned(), 200), (format!("{ACCESS}=x"), 401)] {
        let split = TestRequest::get("/v1/session").header("cookie", &other).header("cookie", &good);
        assert_eq!(app.send(split).await.status, status, "{other}");
    }
}

#[tokio::test]
async fn each_is_smaller_than_4096_bytes_also_with_many_roles() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for n in 0..20 {
        let name = format!("a-role-with-quite-a-long-name-{n}");
        latchkey_tests::support::make_role(&app, &name, &["a:b"]).await;
        latchkey_tests::support::grant(&app, &user, &name).await;
    }
    let answer = app.send(TestRequest::post("/v1/signin", &cookie_body("user@example.com"))).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    for cookie in answer.headers.get_all("set-cookie") {
        assert!(cookie.len() < 4096, "{}", cookie.len());
    }
}

#[tokio::test]
async fn the_refresh_cookie_lives_as_long_as_the_session() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (mut refresh, _) = parts(&made, REFRESH);
    // Six days at a time, the idle lifetime is renewed until the absolute one of 30 days comes first.
    for expected in [604_800, 604_800, 604_800, 518_400] {
        app.clock.advance(Duration::from_hours(6 * 24));
        let request =
            same_origin(TestRequest::new(Method::POST, "/v1/token/refresh"), &format!("{REFRESH}={refresh}"));
        let answer = app.send(request).await;
        let (next, attributes) = parts(&answer, REFRESH);
        assert!(attributes.contains(&format!("max-age={expected}")), "{expected}: {attributes:?}");
        refresh = next;
    }
}

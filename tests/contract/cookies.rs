//! The two cookies of a browser session.

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
async fn on_localhost_their_names_carry_the_port_and_they_have_neither_prefix_nor_secure() {
    let app = TestApp::builder().var("LATCHKEY_URL", "http://localhost:8787").build(latchkey_all::function());
    let answer = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    assert_eq!(set_cookies(&answer), 3);
    let (access, attributes) = parts(&answer, "latchkey-8787-access");
    assert_eq!(attributes, ["httponly", "max-age=900", "path=/", "samesite=lax"]);
    let (_, attributes) = parts(&answer, "latchkey-8787-refresh");
    assert_eq!(attributes, ["httponly", "max-age=604800", "path=/", "samesite=lax"]);
    let session = TestRequest::get("/v1/session").header("cookie", &format!("latchkey-8787-access={access}"));
    assert_eq!(app.send(session).await.status, 200);
    let prefixed = TestRequest::get("/v1/session").header("cookie", &format!("{ACCESS}={access}"));
    assert_eq!(app.send(prefixed).await.status, 401);
}

#[tokio::test]
async fn the_body_has_no_token_that_a_cookie_has() {
    let app = app();
    let named = |email: &str| json!({ "email": email, "password": PASSWORD, "transport": "cookie" });
    for (path, body) in [
        ("/v1/signup", cookie_body("ada@example.com")),
        ("/v1/signup", named("grace@example.com")),
        ("/v1/signin", cookie_body("ada@example.com")),
        ("/v1/signin", named("ada@example.com")),
    ] {
        let answer = app.send(TestRequest::post(path, &body)).await;
        let (access, _) = parts(&answer, ACCESS);
        let (refresh, _) = parts(&answer, REFRESH);
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert!(!text.contains(&access) && !text.contains(&refresh), "{path}: {text}");
        assert!(!text.contains("access_token") && !text.contains("refresh_token"), "{path}: {text}");
    }
}

#[tokio::test]
async fn with_bearer_there_is_no_cookie() {
    let app = app();
    let body = json!({ "email": "user@example.com", "password": PASSWORD, "transport": "bearer" });
    let answer = app.send(TestRequest::post("/v1/signup", &body)).await;
    assert_eq!(set_cookies(&answer), 0);
    assert!(!answer.text("access_token").is_empty() && !answer.text("refresh_token").is_empty());
    let body = json!({ "refresh_token": answer.text("refresh_token") });
    let answer = app.send(TestRequest::post("/v1/token/refresh", &body)).await;
    assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (200, 0));
}

#[tokio::test]
async fn a_refresh_by_cookie_answers_with_cookies_only() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (first, _) = parts(&made, REFRESH);
    let request =
        same_origin(TestRequest::new(Method::POST, "/v1/token/refresh"), &format!("{REFRESH}={first}"));
    let answer = app.send(request).await;
    assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (200, 2), "{}", answer.json());
    let (second, attributes) = parts(&answer, REFRESH);
    assert_ne!(first, second);
    assert!(attributes.contains(&"path=/".to_owned()), "{attributes:?}");
    assert!(!String::from_utf8(answer.body.clone()).unwrap().contains(&second));
}

#[tokio::test]
async fn a_refused_refresh_removes_both_where_the_token_was_ours_and_nothing_otherwise() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (access, refresh) = (parts(&made, ACCESS).0, parts(&made, REFRESH).0);
    let ask = |token: &str| {
        same_origin(TestRequest::new(Method::POST, "/v1/token/refresh"), &format!("{REFRESH}={token}"))
    };
    let answer = app.send(ask("nonsense")).await;
    assert_eq!((answer.code().as_str(), set_cookies(&answer)), ("invalid_refresh_token", 0));
    let out = TestRequest::new(Method::POST, "/v1/signout").bearer(&access);
    assert_eq!(app.send(out).await.status, 204);
    let answer = app.send(ask(&refresh)).await;
    assert_eq!(answer.code(), "invalid_refresh_token");
    for name in [ACCESS, REFRESH] {
        let (value, attributes) = parts(&answer, name);
        assert!(value.is_empty() && attributes.contains(&"max-age=0".to_owned()), "{name}: {attributes:?}");
    }
}

#[tokio::test]
async fn signing_out_removes_both_with_the_attributes_they_were_set_with() {
    for path in ["/v1/signout", "/v1/signout/all"] {
        let app = app();
        let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
        let (access, _) = parts(&made, ACCESS);
        let request = same_origin(TestRequest::new(Method::POST, path), &format!("{ACCESS}={access}"));
        let answer = app.send(request).await;
        assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (204, 2), "{path}");
        for name in [ACCESS, REFRESH] {
            let (value, mut attributes) = parts(&answer, name);
            assert!(value.is_empty(), "{path} {name}");
            assert!(attributes.contains(&"max-age=0".to_owned()), "{path} {name}: {attributes:?}");
            let (_, mut before) = parts(&made, name);
            before.retain(|attribute| !attribute.starts_with("max-age"));
            attributes.retain(|attribute| !attribute.starts_with("max-age"));
            assert_eq!(attributes, before, "{path} {name}");
        }
        assert_eq!(answer.header("clear-site-data"), "\"cache\"", "{path}");
    }
}

#[tokio::test]
async fn either_cookie_is_enough_to_sign_out_expired_or_not() {
    let app = TestApp::builder().var("LATCHKEY_LIMITS", "off").build(latchkey_all::function());
    for minutes in [0, 16, 24 * 60] {
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
    let nonsense = same_origin(TestRequest::new(Method::POST, "/v1/signout"), &format!("{REFRESH}=nonsense"));
    let answer = app.send(nonsense).await;
    assert_eq!((answer.code().as_str(), set_cookies(&answer)), ("invalid_refresh_token", 0));
    let answer = app.send(TestRequest::new(Method::POST, "/v1/signout")).await;
    assert_eq!(answer.code(), "not_signed_in");
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
async fn ones_own_session_revoked_by_id_removes_both_too() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (access, _) = parts(&made, ACCESS);
    let path = format!("/v1/sessions/{}", made.text("session.id"));
    let answer =
        app.send(same_origin(TestRequest::new(Method::DELETE, &path), &format!("{ACCESS}={access}"))).await;
    assert_eq!((answer.status.as_u16(), set_cookies(&answer)), (204, 2));
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
async fn among_other_cookies_the_right_one_is_found() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let good = format!("{ACCESS}={}", user.access);
    for cookies in [
        format!("a=b; {good}; c=d"),
        format!("{good};a=b"),
        format!("a; =; ;{good}"),
        format!("theme=\"x;y\"; {good}"),
        format!("__host-latchkey-access=evil; {good}"),
    ] {
        let answer = app.send(TestRequest::get("/v1/session").header("cookie", &cookies)).await;
        assert_eq!(answer.status, 200, "{cookies}");
    }
    // Bytes in any encoding are the business of whoever set that cookie.
    for foreign in ["city=Zürich".as_bytes(), b"city=Z\xfcrich", b"\xff\xfe=\x80", "ключ=значение".as_bytes()]
    {
        let cookies = [foreign, b"; ", good.as_bytes(), b"; ", foreign].concat();
        let answer = app.send(TestRequest::get("/v1/session").header_bytes("cookie", &cookies)).await;
        assert_eq!(answer.status, 200, "{foreign:?}");
    }
    // HTTP/2 may split the header (RFC 9113, section 8.2.3).
    let split = TestRequest::get("/v1/session").header("cookie", "a=b").header("cookie", &good);
    assert_eq!(app.send(split).await.status, 200);
}

#[tokio::test]
async fn two_cookies_of_one_name_are_refused_and_neither_is_removed() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (access, refresh) = (parts(&made, ACCESS).0, parts(&made, REFRESH).0);
    for (method, path, name, good) in [
        (Method::GET, "/v1/session", ACCESS, &access),
        (Method::POST, "/v1/token/refresh", REFRESH, &refresh),
    ] {
        for other in ["nonsense", "", good] {
            for cookies in
                [format!("{name}={other}; {name}={good}"), format!("{name}={good}; {name}={other}")]
            {
                let answer = app.send(same_origin(TestRequest::new(method.clone(), path), &cookies)).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.code().as_str()),
                    (401, "duplicate_cookie"),
                    "{cookies}"
                );
                assert!(answer.text("detail").contains(&format!("`{name}`")), "{}", answer.text("detail"));
                assert_eq!(set_cookies(&answer), 0);
            }
        }
        let split = TestRequest::new(method.clone(), path).header("cookie", &format!("{name}=x"));
        let answer = app.send(same_origin(split, &format!("{name}={good}"))).await;
        assert_eq!(answer.code(), "duplicate_cookie");
        assert_eq!(
            app.send(same_origin(TestRequest::new(method, path), &format!("{name}={good}"))).await.status,
            200
        );
    }
    // A page of another site is not let through by a second cookie.
    let forged = TestRequest::new(Method::POST, "/v1/signout").header("origin", "https://evil.example");
    let answer = app.send(forged.header("cookie", &format!("{ACCESS}={access}; {ACCESS}=x"))).await;
    assert_eq!(answer.code(), "cross_site_request");
    // A bearer token says who asks, whatever the cookies say.
    let bearer =
        TestRequest::get("/v1/session").bearer(&access).header("cookie", &format!("{ACCESS}=x; {ACCESS}=y"));
    assert_eq!(app.send(bearer).await.status, 200);
}

#[tokio::test]
async fn a_scheme_that_is_not_ours_stands_beside_a_good_cookie() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let cookie = format!("{ACCESS}={}", user.access);
    for scheme in ["Basic dXNlcjpwYXNz", "Negotiate abc", "DPoP x", "Basic", "", "Bearerx y"] {
        let request = TestRequest::get("/v1/session").header("authorization", scheme);
        assert_eq!(app.send(request.header("cookie", &cookie)).await.status, 200, "{scheme:?}");
        let alone = app.send(TestRequest::get("/v1/session").header("authorization", scheme)).await;
        assert_eq!(alone.code(), "not_signed_in", "{scheme:?}");
    }
    let both =
        TestRequest::get("/v1/session").header("authorization", "Basic dXNlcjpwYXNz").bearer(&user.access);
    assert_eq!(app.send(both).await.status, 200);
    let two = TestRequest::get("/v1/session").bearer(&user.access).bearer(&user.access);
    assert_eq!(app.send(two).await.code(), "invalid_token");
    // A browser sends Basic by itself: it proves nothing of the page that asks.
    let forged = TestRequest::post("/v1/signin", &cookie_body("user@example.com"))
        .header("authorization", "Basic dXNlcjpwYXNz")
        .header("origin", "https://evil.example");
    assert_eq!(app.send(forged).await.code(), "cross_site_request");
}

#[tokio::test]
async fn the_refresh_cookie_opens_nothing_else() {
    let app = app();
    let made = app.send(TestRequest::post("/v1/signup", &cookie_body("user@example.com"))).await;
    let (refresh, _) = parts(&made, REFRESH);
    for cookie in [format!("{REFRESH}={refresh}"), format!("{ACCESS}={refresh}")] {
        let answer = app.send(TestRequest::get("/v1/session").header("cookie", &cookie)).await;
        assert_eq!(answer.status, 401, "{}", answer.json());
    }
    let answer = app.send(TestRequest::get("/v1/session").bearer(&refresh)).await;
    assert_eq!(answer.code(), "invalid_token");
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

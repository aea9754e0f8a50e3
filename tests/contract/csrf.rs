//! Which requests of a browser are taken to be made by a page of ours, as one table.

use http::Method;
use latchkey_http::Access;
use latchkey_testkit::{Call, FRONTEND, Fault, TestApp, TestRequest, URL};
use latchkey_tests::support::{PASSWORD, Person, admin, app, provider_app, sign_up};
use serde_json::json;

const EVIL: &str = "https://evil.example";

/// What a request brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    Cookie,
    RefreshCookie,
    Bearer,
    Both,
}

use Proof::{Bearer, Both, Cookie, Nothing, RefreshCookie};

/// Site, mode, `Origin`, `Referer`, proof, and whether it is let through.
type Row =
    (Option<&'static str>, Option<&'static str>, Option<&'static str>, Option<&'static str>, Proof, bool);

const TABLE: &[Row] = &[
    // The same origin: the pages of this service.
    (Some("same-origin"), Some("cors"), Some(URL), None, Cookie, true),
    (Some("same-origin"), Some("cors"), None, None, Nothing, true),
    (Some("same-origin"), Some("navigate"), None, None, Cookie, true),
    // Another subdomain, only when listed.
    (Some("same-site"), Some("cors"), Some(FRONTEND), None, Cookie, true),
    (Some("same-site"), Some("cors"), Some(FRONTEND), None, Nothing, true),
    (Some("same-site"), Some("cors"), Some("https://blog.example.com"), None, Cookie, false),
    (Some("same-site"), Some("cors"), Some("https://blog.example.com"), None, Nothing, false),
    (Some("same-site"), Some("cors"), Some("http://app.example.com"), None, Cookie, false),
    (Some("same-site"), Some("cors"), Some("null"), None, Cookie, false),
    (Some("same-site"), Some("cors"), None, None, Cookie, false),
    (Some("same-site"), Some("no-cors"), None, Some("https://app.example.com/page"), Cookie, true),
    (Some("same-site"), Some("navigate"), Some("https://blog.example.com"), None, Cookie, false),
    // Another site: never with a cookie, not even one that is listed.
    (Some("cross-site"), Some("cors"), Some(EVIL), None, Cookie, false),
    (Some("cross-site"), Some("cors"), Some(EVIL), None, RefreshCookie, false),
    (Some("cross-site"), Some("no-cors"), Some(EVIL), None, Cookie, false),
    (Some("cross-site"), Some("navigate"), Some(EVIL), None, Cookie, false),
    (Some("cross-site"), Some("navigate"), Some("null"), None, Cookie, false),
    (Some("cross-site"), None, None, None, Cookie, false),
    (Some("cross-site"), Some("cors"), Some(FRONTEND), None, Cookie, false),
    (Some("cross-site"), Some("cors"), Some(FRONTEND), None, Nothing, true),
    // Signing a visitor in to an account of the attacker's.
    (Some("cross-site"), Some("cors"), Some(EVIL), None, Nothing, false),
    (Some("cross-site"), Some("navigate"), Some(EVIL), None, Nothing, false),
    (Some("cross-site"), Some("no-cors"), None, None, Nothing, false),
    (Some("same-site"), Some("navigate"), None, None, Nothing, false),
    // Words that no browser sends.
    (Some("CROSS-SITE"), Some("cors"), Some(EVIL), None, Cookie, false),
    (Some("Same-Origin"), Some("cors"), Some(EVIL), None, Cookie, false),
    (Some("same-origin, cross-site"), Some("cors"), Some(EVIL), None, Cookie, false),
    (Some(""), Some("cors"), Some(EVIL), None, Cookie, false),
    (Some(""), None, None, None, Nothing, false),
    // The person's own doing.
    (Some("none"), Some("navigate"), None, None, Cookie, true),
    (Some("none"), Some("navigate"), None, None, Nothing, true),
    (Some("none"), Some("cors"), None, None, Cookie, false),
    (Some("none"), Some("no-cors"), None, None, Cookie, false),
    (Some("none"), None, None, None, Cookie, false),
    // A browser that sends no fetch metadata.
    (None, None, Some(URL), None, Cookie, true),
    (None, None, Some(FRONTEND), None, Cookie, true),
    (None, None, Some(EVIL), None, Cookie, false),
    (None, None, Some(EVIL), None, Nothing, false),
    (None, None, Some("null"), None, Cookie, false),
    (None, None, Some("null"), None, Nothing, false),
    (None, None, Some(""), None, Cookie, false),
    (None, None, Some("http://auth.example.com"), None, Cookie, false),
    (None, None, Some("https://auth.example.com:8443"), None, Cookie, false),
    (None, None, Some("https://auth.example.com.evil.example"), None, Cookie, false),
    (None, None, None, Some("https://auth.example.com/account"), Cookie, true),
    (None, None, None, Some("https://app.example.com/"), Cookie, true),
    (None, None, None, Some("https://evil.example/https://app.example.com"), Cookie, false),
    (None, None, None, Some("https://app.example.com@evil.example/"), Cookie, false),
    (None, None, None, Some("https://app.example.com.evil.example/"), Cookie, false),
    (None, None, None, Some("nonsense"), Cookie, false),
    (None, None, None, Some("about:blank"), Nothing, false),
    // The origin says more than the referrer.
    (None, None, Some(EVIL), Some("https://app.example.com/"), Cookie, false),
    (None, None, Some("null"), Some("https://app.example.com/"), Cookie, false),
    // No sign of a browser.
    (None, None, None, None, Nothing, true),
    (None, None, None, None, Bearer, true),
    (None, None, None, None, Cookie, false),
    (None, None, None, None, RefreshCookie, false),
    (None, None, None, None, Both, false),
    // No browser adds a bearer token by itself.
    (Some("cross-site"), Some("cors"), Some(EVIL), None, Bearer, true),
    (None, None, Some(EVIL), None, Bearer, true),
    (Some("cross-site"), Some("cors"), Some(EVIL), None, Both, false),
    (None, None, Some(EVIL), None, Both, false),
];

fn build(mut request: TestRequest, row: &Row, user: &Person) -> TestRequest {
    let (site, mode, origin, referer, proof, _) = *row;
    for (name, value) in
        [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("origin", origin), ("referer", referer)]
    {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    if matches!(proof, Cookie | Both) {
        request = request.header("cookie", &format!("__Host-latchkey-access={}", user.access));
    }
    if proof == RefreshCookie {
        request = request.header("cookie", "__Host-latchkey-refresh=something");
    }
    if matches!(proof, Bearer | Both) { request.bearer(&user.access) } else { request }
}

#[tokio::test]
async fn a_change_is_let_through_as_the_table_says() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for row in TABLE {
        // A session of the user's that is not there: nothing happens where the request is let through.
        let path = "/v1/sessions/0195f2a0-7c1e-7b3a-8f00-0123456789ab";
        let answer = app.send(build(TestRequest::new(Method::DELETE, path), row, &user)).await;
        let refused = answer.code() == "cross_site_request";
        assert_eq!(refused, !row.5, "{row:?}: {}", answer.json());
        assert_eq!(refused, answer.status == 403, "{row:?}");
    }
}

#[tokio::test]
async fn every_unsafe_method_is_checked_alike() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PROPFIND", "post"] {
        for row in TABLE.iter().filter(|row| !row.5) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for path in ["/v1/signin", "/v1/nothing"] {
                let answer = app.send(build(TestRequest::new(method.clone(), path), row, &user)).await;
                assert_eq!(answer.code(), "cross_site_request", "{method} {path} {row:?}");
            }
        }
    }
}

#[tokio::test]
async fn reading_is_not_hindered() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for row in TABLE.iter().filter(|row| matches!(row.4, Cookie | Bearer | Both)) {
        let answer = app.send(build(TestRequest::get("/v1/session"), row, &user)).await;
        assert_eq!(answer.status, 200, "{row:?}");
    }
}

#[tokio::test]
async fn no_page_elsewhere_signs_its_visitor_in_or_up() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let body = json!({ "email": "user@example.com", "password": PASSWORD });
    for row in TABLE.iter().filter(|row| row.4 == Nothing && !row.5) {
        for path in ["/v1/signin", "/v1/signup", "/v1/token/refresh"] {
            let answer = app.send(build(TestRequest::post(path, &body), row, &user)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "cross_site_request"),
                "{path} {row:?}"
            );
            assert!(!answer.headers.contains_key("set-cookie"), "{path} {row:?}");
        }
    }
}

#[tokio::test]
async fn a_forged_sign_out_signs_nobody_out() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for path in ["/v1/signout", "/v1/signout/all"] {
        let forged = TestRequest::new(Method::POST, path)
            .header("origin", EVIL)
            .header("sec-fetch-site", "cross-site");
        let cookie = format!("__Host-latchkey-access={}", user.access);
        assert_eq!(app.send(forged.header("cookie", &cookie)).await.status, 403);
    }
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 200);
}

/// So the cookies' `SameSite=Lax`, which a navigation passes, leaves nothing open.
#[tokio::test]
async fn no_get_changes_anything() {
    let app = provider_app();
    let admin = admin(&app).await;
    app.table.faults.add(Fault::unavailable().on(Call::Commit).times(1000));
    for operation in latchkey_all::function().operations() {
        // A return from a provider is a navigation that signs in: it proves by its state that this browser asked for it. Getting
        // the token of a provider is reported, and allowed to servers only.
        let is_reported = operation.access == Access::Permission("identities:token");
        if !operation.method.is_safe() || operation.path.ends_with("/callback") || is_reported {
            continue;
        }
        assert_eq!(operation.method, Method::GET);
        let path = operation
            .path
            .replace("{id}", &admin.id)
            .replace("{name}", "user")
            .replace("{provider}", "acme")
            .replace("/v1/authorize", "/v1/authorize?signed_in=true");
        let answer = app.send(TestRequest::get(&path).bearer(&admin.access)).await;
        let done = answer.status.is_success() || answer.status.is_redirection();
        assert!(done, "{path} needs a write: {}", answer.json());
    }
}

#[tokio::test]
async fn on_this_machine_the_policy_is_the_same() {
    let app = TestApp::builder()
        .var("LATCHKEY_URL", "http://localhost:8787")
        .var("LATCHKEY_ORIGINS", "http://localhost:5173")
        .build(latchkey_all::function());
    let user = sign_up(&app, "user@example.com").await;
    for (origin, allowed) in [
        ("http://localhost:8787", true),
        ("http://localhost:5173", true),
        ("http://localhost:5174", false),
        ("https://localhost:8787", false),
        ("http://127.0.0.1:8787", false),
    ] {
        let request = TestRequest::new(Method::DELETE, "/v1/sessions/x").header("origin", origin);
        let answer =
            app.send(request.header("cookie", &format!("latchkey-8787-access={}", user.access))).await;
        assert_eq!(answer.code() != "cross_site_request", allowed, "{origin}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_password_that_a_browser_remembers_for_a_site_is_no_bearer_token() {
    let app = app();
    let body = json!({ "email": "user@example.com", "password": PASSWORD });
    let request = TestRequest::post("/v1/signin", &body).header("authorization", "Basic dXNlcjpwYXNz");
    let answer = app.send(request.header("sec-fetch-site", "cross-site").header("origin", EVIL)).await;
    assert_eq!(answer.code(), "cross_site_request");
}

/// Cookies of this site are of no use to a page on another one: it is told at once, and not by "not signed in" later.
#[tokio::test]
async fn a_listed_page_on_another_site_gets_tokens_and_no_cookies() {
    let app = TestApp::builder()
        .var("LATCHKEY_ORIGINS", "https://app.example.net,capacitor://localhost")
        .build(latchkey_all::function());
    for (n, origin) in ["https://app.example.net", "capacitor://localhost"].into_iter().enumerate() {
        let email = format!("user{n}@example.com");
        for path in ["/v1/signup", "/v1/signin"] {
            let request = |transport: &str| {
                let body = json!({ "email": email, "password": PASSWORD, "transport": transport });
                TestRequest::post(path, &body).header("origin", origin).header("sec-fetch-site", "cross-site")
            };
            let answer = app.send(request("cookie")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "cross_site_cookies"),
                "{path}"
            );
            assert!(answer.text("detail").contains("bearer"), "{}", answer.json());
            let answer = app.send(request("bearer")).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.json());
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            // The token itself needs no origin.
            let from_elsewhere =
                TestRequest::new(Method::POST, "/v1/signout").bearer(&answer.text("access_token"));
            let signed_out = app
                .send(from_elsewhere.header("origin", "app://other").header("sec-fetch-site", "cross-site"))
                .await;
            assert_eq!(signed_out.status, 204, "{path}");
        }
    }
}

/// A proxy that takes a prefix off leaves the origin as it is.
#[tokio::test]
async fn behind_a_path_prefix_the_origin_is_the_same() {
    let app =
        TestApp::builder().var("LATCHKEY_URL", "https://example.com/auth").build(latchkey_all::function());
    let body = json!({ "email": "user@example.com", "password": PASSWORD });
    let signed_up =
        app.send(TestRequest::post("/v1/signup", &body).header("origin", "https://example.com")).await;
    assert_eq!(signed_up.status, 201, "{}", signed_up.json());
    let pairs = signed_up
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().split(';').next().unwrap());
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let refresh = TestRequest::new(Method::POST, "/v1/token/refresh").header("cookie", &cookies);
    let refreshed = app.send(refresh.header("origin", "https://example.com")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.json());
    let discovery = app.send(TestRequest::get("/.well-known/openid-configuration")).await;
    assert_eq!(discovery.text("issuer"), "https://example.com/auth");
    assert_eq!(discovery.text("jwks_uri"), "https://example.com/auth/.well-known/jwks.json");
}

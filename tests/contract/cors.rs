//! Which pages may read an answer.

use http::Method;
use latchkey_testkit::{FRONTEND, TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{app, sign_up};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// Not [`FRONTEND`], however much it looks like it.
const UNLISTED: [&str; 22] = [
    "null",
    "*",
    "",
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com:443",
    "https://app.example.com/",
    "https://app.example.com.",
    "https://app.example.com.evil.example",
    "https://app.example.comevil.example",
    "https://evil-app.example.com",
    "https://evilapp.example.com",
    "https://sub.app.example.com",
    "https://example.com",
    "https://auth.example.com.evil.example",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com@evil.example",
    "https://app_example.com",
    "https://app.example.com, https://evil.example",
    "https://appXexample.com",
];

async fn ask(app: &TestApp, origin: &str, access: &str) -> TestResponse {
    app.send(TestRequest::get("/v1/session").header("origin", origin).bearer(access)).await
}

fn preflight(origin: &str, method: &str, path: &str) -> TestRequest {
    TestRequest::new(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type")
}

fn preflight_of_nobody() -> TestRequest {
    TestRequest::new(Method::OPTIONS, "/v1/signin").header("access-control-request-method", "POST")
}

#[tokio::test]
async fn a_listed_origin_may_read_with_credentials() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let answer = ask(&app, FRONTEND, &user.access).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header(ALLOW_ORIGIN), FRONTEND);
    assert!(answer.headers.get_all("access-control-allow-credentials").iter().eq(["true"]));
    let exposed = answer.header("access-control-expose-headers");
    for name in ["x-request-id", "retry-after", "ratelimit-remaining"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test]
async fn problems_can_be_read_too() {
    let app = app();
    for path in ["/v1/session", "/v1/nothing"] {
        let answer = app.send(TestRequest::get(path).header("origin", FRONTEND)).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.header(ALLOW_ORIGIN), FRONTEND, "{path}");
    }
}

#[tokio::test]
async fn no_other_origin_may() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    for origin in UNLISTED {
        let answer = ask(&app, origin, &user.access).await;
        assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{origin}: {}", answer.header(ALLOW_ORIGIN));
        let answer = app.send(preflight(origin, "POST", "/v1/signin")).await;
        assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{origin}: {}", answer.header(ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn two_origins_at_once_are_none() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let twice =
        TestRequest::get("/v1/session").header("origin", "https://evil.example").header("origin", FRONTEND);
    let answer = app.send(twice.bearer(&user.access)).await;
    assert!(!answer.headers.contains_key(ALLOW_ORIGIN));
    // However they are sent, and whichever stands first; the same one twice is no better.
    for origins in [
        &[FRONTEND, FRONTEND][..],
        &[FRONTEND, "https://evil.example"],
        &["https://a.example, https://b.example"],
    ] {
        let named = |request: TestRequest| {
            origins.iter().fold(request, |request, origin| request.header("origin", origin))
        };
        for request in [TestRequest::get("/v1/session"), preflight_of_nobody()] {
            let answer = app.send(named(request).bearer(&user.access)).await;
            assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{origins:?}");
        }
        let answer =
            app.send(named(TestRequest::new(Method::POST, "/v1/signout")).bearer(&user.access)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "cross_site_request"),
            "{origins:?}"
        );
    }
}

#[tokio::test]
async fn without_an_origin_none_is_allowed_and_there_is_never_a_wildcard() {
    for listed in ["", FRONTEND, "https://app.example.com,http://localhost:5173"] {
        let app = TestApp::builder().var("LATCHKEY_ORIGINS", listed).build(latchkey_all::function());
        for path in ["/v1/session", "/.well-known/jwks.json", "/openapi.json", "/health", "/nothing"] {
            let answer = app.send(TestRequest::get(path)).await;
            assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{path}");
            let answer = app.send(TestRequest::get(path).header("origin", "https://evil.example")).await;
            assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{path}");
            for value in answer.headers.values() {
                assert_ne!(value, "*", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn each_of_several_listed_origins_gets_itself() {
    let listed = ["https://app.example.com", "http://localhost:5173"];
    let app = TestApp::builder().var("LATCHKEY_ORIGINS", &listed.join(",")).build(latchkey_all::function());
    for origin in listed {
        let answer = app.send(TestRequest::get("/v1/session").header("origin", origin)).await;
        assert_eq!(answer.header(ALLOW_ORIGIN), origin);
    }
    let answer = app.send(TestRequest::get("/v1/session").header("origin", "http://localhost:5174")).await;
    assert!(!answer.headers.contains_key(ALLOW_ORIGIN));
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_names_what_routes_take() {
    let app = app();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = app.send(preflight(FRONTEND, method, "/v1/users/x")).await;
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(answer.header(ALLOW_ORIGIN), FRONTEND, "{method}");
        assert_eq!(answer.header("access-control-max-age"), "600");
        // Browsers refuse an answer that says one of them twice.
        let credentials = answer.headers.get_all("access-control-allow-credentials");
        assert!(credentials.iter().eq(["true"]), "{credentials:?}");
        assert_eq!(answer.headers.get_all(ALLOW_ORIGIN).iter().count(), 1);
        let methods: Vec<_> = answer.header("access-control-allow-methods").split(',').collect();
        assert!(methods.contains(&method), "{methods:?}");
        assert!(!methods.contains(&"TRACE") && !methods.contains(&"*"), "{methods:?}");
        let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
        assert!(!headers.contains('*'), "{headers}");
    }
}

#[tokio::test]
async fn a_preflight_changes_nothing() {
    let app = app();
    let user = sign_up(&app, "user@example.com").await;
    let request = preflight(FRONTEND, "POST", "/v1/signout/all").bearer(&user.access);
    assert_eq!(app.send(request).await.status, 200);
    let session = app.send(TestRequest::get("/v1/session").bearer(&user.access)).await;
    assert_eq!(session.status, 200);
}

#[tokio::test]
async fn a_preflight_takes_what_common_libraries_add_and_what_is_configured() {
    let allowed = |answer: &TestResponse| -> Vec<String> {
        answer.header("access-control-allow-headers").split(',').map(str::to_owned).collect()
    };
    let usual = allowed(&app().send(preflight(FRONTEND, "POST", "/v1/signin")).await);
    for name in ["traceparent", "tracestate", "baggage", "sentry-trace", "x-requested-with", "x-request-id"] {
        assert!(usual.iter().any(|known| known == name), "{name}: {usual:?}");
    }
    // A page must never say what a proxy says.
    assert!(
        !usual.iter().any(|name| name.starts_with("x-forwarded") || name.starts_with("x-latchkey")),
        "{usual:?}"
    );
    assert!(!usual.iter().any(|name| name == "x-client-version"));
    let app =
        TestApp::builder().var("LATCHKEY_CORS_HEADERS", "X-Client-Version").build(latchkey_all::function());
    let own = allowed(&app.send(preflight(FRONTEND, "POST", "/v1/signin")).await);
    assert_eq!(own.last().unwrap(), "x-client-version");
    assert_eq!(own.len(), usual.len() + 1);
}

#[tokio::test]
async fn the_web_view_of_an_app_may_read_when_it_is_listed() {
    let listed =
        "capacitor://localhost,tauri://localhost,chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb";
    let app = TestApp::builder().var("LATCHKEY_ORIGINS", listed).build(latchkey_all::function());
    for origin in listed.split(',') {
        let answer = app.send(preflight(origin, "POST", "/v1/signin")).await;
        assert_eq!(answer.header(ALLOW_ORIGIN), origin);
    }
    let answer = app.send(preflight("capacitor://other", "POST", "/v1/signin")).await;
    assert!(!answer.headers.contains_key(ALLOW_ORIGIN));
}

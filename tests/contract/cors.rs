//! Which pages may read an answer, by configuration. The rest is in `cors` of tests/e2e.

use http::Method;
use latchkey_testkit::{FRONTEND, TestApp, TestRequest};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

#[tokio::test]
async fn where_no_origin_is_listed_no_page_elsewhere_reads_anything() {
    let app = TestApp::builder().var("LATCHKEY_ORIGINS", "").build(latchkey_all::function());
    for path in ["/v1/session", "/.well-known/jwks.json", "/openapi.json", "/health", "/nothing"] {
        for origin in ["https://evil.example", FRONTEND] {
            let answer = app.send(TestRequest::get(path).header("origin", origin)).await;
            assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{path}");
            assert!(answer.headers.values().all(|value| value != "*"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_preflight_takes_the_header_that_is_configured() {
    let app =
        TestApp::builder().var("LATCHKEY_CORS_HEADERS", "X-Client-Version").build(latchkey_all::function());
    let preflight = async |app: TestApp| {
        let request = TestRequest::new(Method::OPTIONS, "/v1/signin").header("origin", FRONTEND);
        let answer = app.send(request.header("access-control-request-method", "POST")).await;
        answer.header("access-control-allow-headers").to_owned()
    };
    let usual = preflight(latchkey_tests::support::app()).await;
    assert_eq!(preflight(app).await, format!("{usual},x-client-version"));
}

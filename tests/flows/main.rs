//! What users do, through the real router: sign up, sign in, refresh, list and revoke sessions, be given roles.

use latchkey_testkit::{TestApp, TestRequest};
use serde_json::json;

#[tokio::test]
async fn a_person_signs_up_and_is_signed_in() {
    let app = TestApp::new(latchkey_all::function());
    let body =
        json!({"email": "ada@example.com", "password": "violet harbour tundra", "transport": "bearer"});
    let made = app.send(TestRequest::post("/v1/signup", &body)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let session = app.send(TestRequest::get("/v1/session").bearer(&made.text("access_token"))).await;
    assert_eq!(session.status, 200, "{}", session.json());
    assert_eq!(session.text("user.email"), "ada@example.com");
}

#[tokio::test]
async fn signing_in_again_in_the_same_browser_ends_the_session_it_had() {
    let app = TestApp::new(latchkey_all::function());
    let body = json!({"email": "ada@example.com", "password": "violet harbour tundra"});
    let made = app.send(TestRequest::post("/v1/signup", &body)).await;
    let first = cookie(made.set_cookie("__Host-latchkey-access").unwrap());
    let again = TestRequest::post("/v1/signin", &body)
        .header("cookie", &format!("__Host-latchkey-access={first}"))
        .header("sec-fetch-site", "same-origin");
    let signed_in = app.send(again).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.json());
    let old = TestRequest::get("/v1/session").header("cookie", &format!("__Host-latchkey-access={first}"));
    assert_eq!(app.send(old).await.code(), "session_ended");
    let second = cookie(signed_in.set_cookie("__Host-latchkey-access").unwrap());
    let new = TestRequest::get("/v1/session").header("cookie", &format!("__Host-latchkey-access={second}"));
    assert_eq!(app.send(new).await.status, 200);
}

/// The value, without the attributes.
fn cookie(set: &str) -> &str {
    set.split(';').next().unwrap_or_default()
}

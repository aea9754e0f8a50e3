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

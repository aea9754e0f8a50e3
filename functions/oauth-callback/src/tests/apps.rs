//! Apps that hold their own tokens: they get a one-time code, never a token in a URL.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use latchkey_core::ExposeSecret;
use latchkey_testkit::identities::{REDIRECT, ada, issue_code, redeem_code};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::ISSUER;
use latchkey_testkit::{TestApp, TestRequest, World, query};
use serde_json::json;

use super::{operations, world_of};

fn world() -> World {
    let apps = "com.example.app:/signed-in,http://127.0.0.1/in";
    world_of(|app| app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_APP_REDIRECTS", apps))
}

async fn redeem(world: &World, code: &str, verifier: &str) -> bool {
    redeem_code(&world.app, &code.into(), verifier).await.is_ok()
}

#[tokio::test]
async fn an_app_gets_a_code_that_its_verifier_redeems_once() {
    let world = world();
    for place in ["com.example.app:/signed-in", "http://127.0.0.1:49152/in", "https://app.example.com/in"] {
        let mut browser = world.browser();
        let asked =
            [("redirect_to", place), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        let granted = world.provider.authorize(&browser.start("acme", &query(&asked)).await);
        let answer = browser.come_back("acme", &granted).await;
        assert_eq!(answer.status, 303, "{}", answer.json());
        let location = answer.header("location").to_owned();
        let code = location.strip_prefix(&format!("{place}?code=")).expect("the code, and nothing else");
        assert!(browser.jar.is_empty(), "no cookie for an app");
        assert!(redeem(&world, code, VERIFIER).await);
        assert!(!redeem(&world, code, VERIFIER).await, "good once");
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier() {
    let world = world();
    let mut browser = world.browser();
    let asked = query(&[("redirect_to", "com.example.app:/signed-in"), ("code_challenge", CHALLENGE)]);
    let granted = world.provider.authorize(&browser.start("acme", &asked).await);
    let location = browser.come_back("acme", &granted).await.header("location").to_owned();
    let (_, code) = location.split_once("code=").unwrap();
    assert!(!redeem(&world, code, &BASE64_URL_SAFE_NO_PAD.encode([7; 32])).await);
    assert!(!redeem(&world, code, VERIFIER).await, "and used up by the attempt");
}

#[tokio::test]
async fn an_app_gets_an_error_code_in_place_of_a_code() {
    let world = world();
    let mut browser = world.browser();
    browser.html = true;
    let asked = query(&[("redirect_to", "com.example.app:/signed-in"), ("code_challenge", CHALLENGE)]);
    let granted = world.provider.authorize(&browser.start("acme", &asked).await);
    let answer = browser
        .callback("acme", &[("error", "access_denied"), ("state", &granted.state), ("iss", ISSUER)])
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "com.example.app:/signed-in?error=signin_cancelled");
}

#[tokio::test]
async fn a_code_is_exchanged_for_what_a_sign_in_with_bearer_tokens_gives() {
    let app = TestApp::unlimited().start(operations()).await;
    let code = issue_code(&app, &ada()).await.unwrap();
    let body = json!({ "code": code.expose_secret(), "code_verifier": VERIFIER, "redirect_to": REDIRECT });
    let answer = app.send(TestRequest::post("/v1/oauth/exchange", &body)).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    assert_eq!(answer.text("user.email"), "ada@example.com");
    assert_eq!((answer.text("token_type").as_str(), answer.header("set-cookie")), ("Bearer", ""));
    let shown = app.send(TestRequest::get("/v1/session").bearer(&answer.text("access_token"))).await;
    assert_eq!(shown.status, 200);
    let renewed = json!({ "refresh_token": answer.text("refresh_token") });
    assert_eq!(app.send(TestRequest::post("/v1/token/refresh", &renewed)).await.status, 200);

    let again = app.send(TestRequest::post("/v1/oauth/exchange", &body)).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (401, "invalid_signin_code"));
    let shown = app.send(TestRequest::get("/v1/session").bearer(&answer.text("access_token"))).await;
    assert_eq!(shown.code(), "session_ended");
}

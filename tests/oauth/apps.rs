//! Apps that hold their own tokens: they get a one-time code, never a token in a URL.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use latchkey_core::account::Redemption;
use latchkey_core::audit::Requester;
use latchkey_core::session::{Opening, Transport};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::ISSUER;

use crate::support::{World, query, world_of};

fn world() -> World {
    let apps = "com.example.app:/signed-in,http://127.0.0.1/in";
    world_of(|app| app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_APP_REDIRECTS", apps))
}

async fn redeem(world: &World, code: &str, verifier: &str) -> bool {
    let redemption = Redemption { code: code.into(), verifier: verifier.into(), redirect_to: None };
    let from = Requester::default();
    let opening = Opening { transport: Transport::Bearer, replaces: None, from: &from };
    world.app.services.provider_sign_in.redeem_code(&redemption, &opening).await.is_ok()
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
async fn a_challenge_that_is_none_is_refused() {
    let world = world();
    for (challenge, method) in
        [(VERIFIER, "plain"), (CHALLENGE, "plain"), ("short", "S256"), ("", "S256"), (CHALLENGE, "s256")]
    {
        let asked = [
            ("redirect_to", "com.example.app:/signed-in"),
            ("code_challenge", challenge),
            ("code_challenge_method", method),
        ];
        let answer = world.browser().get(&format!("/v1/oauth/acme/start?{}", query(&asked))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_request"),
            "{challenge} {method}"
        );
    }
}

#[tokio::test]
async fn an_app_that_is_not_listed_gets_nothing() {
    let world = world();
    for place in [
        "com.example.other:/signed-in",
        "com.example.app:/signed-in/x",
        "http://127.0.0.1/out",
        "https://evil.example/",
    ] {
        let asked = [("redirect_to", place), ("code_challenge", CHALLENGE)];
        let answer = world.browser().get(&format!("/v1/oauth/acme/start?{}", query(&asked))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"), "{place}");
    }
    let asked = query(&[("code_challenge", CHALLENGE)]);
    let answer = world.browser().get(&format!("/v1/oauth/acme/start?{asked}")).await;
    assert_eq!(answer.code(), "invalid_redirect", "an app says where it is");
}

#[tokio::test]
async fn an_app_gets_the_word_for_what_went_wrong_in_place_of_a_code() {
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

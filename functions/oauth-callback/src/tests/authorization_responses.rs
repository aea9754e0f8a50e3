//! Responses of a provider, or of somebody in its name.

use latchkey_testkit::home;
use latchkey_testkit::provider::{Fault, ISSUER, Shape};

use super::{presets, world, world_at, world_of};

#[tokio::test]
async fn an_issuer_that_is_missing_or_another_is_refused_before_the_code_is_sent() {
    let world = world();
    for iss in [
        None,
        Some(""),
        Some("https://evil.example"),
        Some("https://id.example.com/"),
        Some("https://ID.example.com"),
    ] {
        let (mut browser, granted) = world.at_provider().await;
        let mut parameters = vec![("code", granted.code.as_str()), ("state", &granted.state)];
        parameters.extend(iss.map(|iss| ("iss", iss)));
        let answer = browser.callback("acme", &parameters).await;
        world.assert_refused(&answer, 400, "issuer_mismatch", "issuer_mismatch").await;
    }
    assert!(world.provider.forms().is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_not_promised_may_be_missing_but_not_another() {
    let mut shape = Shape::openid();
    let metadata = format!("{ISSUER}/.well-known/openid-configuration");
    shape.documents.get_mut(&metadata).unwrap()["authorization_response_iss_parameter_supported"] =
        false.into();
    let base = world_of(|app| app.var("LATCHKEY_LIMITS", "off"));
    base.provider.edit().shape = shape;
    let (mut browser, granted) = base.at_provider().await;
    let parameters =
        [("code", granted.code.as_str()), ("state", granted.state.as_str()), ("iss", "https://evil.example")];
    let answer = browser.callback("acme", &parameters).await;
    base.assert_refused(&answer, 400, "issuer_mismatch", "issuer_mismatch").await;
    let (mut browser, granted) = base.at_provider().await;
    let parameters = [("code", granted.code.as_str()), ("state", granted.state.as_str())];
    assert_eq!(browser.callback("acme", &parameters).await.status, 303);
}

#[tokio::test]
async fn a_code_that_is_missing_or_cannot_be_one_is_refused_before_it_is_sent() {
    let world = world();
    let long = "x".repeat(4097);
    for code in [None, Some(""), Some("a\0b"), Some("c\u{f6}de"), Some(&long)] {
        let (mut browser, granted) = world.at_provider().await;
        let mut parameters = vec![("state", granted.state.as_str()), ("iss", ISSUER)];
        parameters.extend(code.map(|code| ("code", code)));
        let answer = browser.callback("acme", &parameters).await;
        world.assert_refused(&answer, 400, "invalid_code", "invalid_code").await;
    }
    assert!(world.provider.forms().is_empty());
}

#[tokio::test]
async fn a_code_of_another_flow_does_not_match_the_verifier() {
    // Code injection: a code that was stolen elsewhere, in a flow of the thief's own.
    let world = world();
    let (_, stolen) = world.at_provider().await;
    let (mut browser, own) = world.at_provider().await;
    let answer =
        browser.callback("acme", &[("code", &stolen.code), ("state", &own.state), ("iss", ISSUER)]).await;
    world.assert_refused(&answer, 400, "code_refused", "code_refused").await;
}

#[tokio::test]
async fn where_a_provider_ignores_pkce_the_nonce_gives_the_stolen_code_away() {
    let world = world();
    world.provider.edit().ignores_pkce = true;
    let (_, stolen) = world.at_provider().await;
    let (mut browser, own) = world.at_provider().await;
    let answer =
        browser.callback("acme", &[("code", &stolen.code), ("state", &own.state), ("iss", ISSUER)]).await;
    world.assert_refused(&answer, 502, "identity_refused", "id_token_nonce").await;
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    let (mut browser, granted) = world.at_provider().await;
    let used = "code-0";
    let answer =
        browser.callback("acme", &[("code", used), ("state", &granted.state), ("iss", ISSUER)]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "code_refused"));
}

#[tokio::test]
async fn every_request_carries_pkce_s256_the_secret_and_the_redirect_uri() {
    let world = world();
    world.sign_in().await;
    let [form] = <[_; 1]>::try_from(world.provider.forms()).unwrap();
    let names: Vec<_> = form.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["code", "code_verifier", "grant_type", "redirect_uri"],
        "and the secret in its header"
    );
    assert_eq!(form["redirect_uri"], "https://auth.example.com/v1/oauth/acme/callback");
    assert_eq!(form["code_verifier"].len(), 43);
}

#[tokio::test]
async fn errors_of_the_provider_are_named_and_never_repeated() {
    let world = world();
    for (error, status, code) in [
        ("access_denied", 403, "signin_cancelled"),
        ("user_cancelled_authorize", 403, "signin_cancelled"),
        ("consent_required", 403, "signin_cancelled"),
        ("server_error", 502, "provider_failed"),
        ("temporarily_unavailable", 502, "provider_failed"),
        ("invalid_request", 502, "provider_refused"),
        ("unauthorized_client", 502, "provider_refused"),
        ("unsupported_response_type", 502, "provider_refused"),
        ("invalid_scope", 502, "provider_refused"),
        ("<script>alert(1)</script>", 502, "provider_refused"),
        ("", 502, "provider_refused"),
    ] {
        for html in [false, true] {
            let (mut browser, granted) = world.at_provider().await;
            browser.html = html;
            let parameters = [
                ("error", error),
                ("error_description", "<img src=x onerror=alert(2)>"),
                ("error_uri", "javascript:alert(3)"),
                ("state", granted.state.as_str()),
                ("iss", ISSUER),
            ];
            let answer = browser.callback("acme", &parameters).await;
            assert_eq!(answer.status, status, "{error}");
            let text = String::from_utf8(answer.body.clone()).unwrap();
            assert!(text.contains(code), "{text}");
            assert!(
                !text.contains("<script") && !text.contains("onerror") && !text.contains("alert"),
                "{text}"
            );
            assert_eq!(world.last_event().await.1.as_deref(), Some("provider_error"));
            assert!(browser.authorization_cookies().is_empty(), "the flow is over");
        }
    }
}

#[tokio::test]
async fn where_nobody_waits_a_browser_gets_a_page_with_a_way_on_and_no_script() {
    let world = world_of(|app| app.var("LATCHKEY_LIMITS", "off"));
    let (mut browser, granted) = world.at_provider().await;
    browser.html = true;
    let denied = [("error", "access_denied"), ("state", granted.state.as_str()), ("iss", ISSUER)];
    let answer = browser.callback("acme", &denied).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = String::from_utf8(answer.body).unwrap();
    assert!(html.contains("The sign-in failed") && html.contains("cancelled at the provider"));
    assert!(html.contains(&format!("<a href=\"{}\">", home())), "{html}");
    assert!(!html.contains("<script"));

    let answer = browser.callback("acme", &[("state", "x")]).await;
    let html = String::from_utf8(answer.body).unwrap();
    assert!(html.contains("invalid_state") && html.contains(&format!("<a href=\"{}\">", home())), "{html}");
}

#[tokio::test]
async fn the_app_that_waits_gets_the_browser_back_with_an_error_code() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.edit().claims["sub"] = "another person".into();
    for (error, code, reason) in [
        (Some("access_denied"), "signin_cancelled", Some("provider_error")),
        (Some("server_error"), "provider_failed", Some("provider_error")),
        (None, "account_exists", Some("account_exists")),
    ] {
        let mut browser = world.browser();
        browser.html = true;
        let location = browser.start("acme", "redirect_to=%2Fsignin%3Fx%3D1%23top").await;
        let granted = world.provider.authorize(&location);
        let answer = match error {
            Some(error) => {
                let denied = [("error", error), ("state", granted.state.as_str()), ("iss", ISSUER)];
                browser.callback("acme", &denied).await
            }
            None => browser.come_back("acme", &granted).await,
        };
        assert_eq!(answer.status, 303, "{error:?}");
        assert_eq!(answer.header("location"), format!("https://app.example.com/signin?x=1&error={code}#top"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.body.is_empty());
        assert!(answer.set_cookie("__Host-latchkey-access").is_none());
        assert!(browser.authorization_cookies().is_empty(), "the flow is over");
        assert_eq!(world.last_event().await.1.as_deref(), reason);
    }
}

#[tokio::test]
async fn a_client_that_takes_no_html_gets_a_problem() {
    let world = world();
    let answer = world.browser().callback("acme", &[]).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn github_s_errors_with_status_200_are_errors() {
    let shape = presets::github();
    let token = shape.token.clone();
    let world = world_at(shape, |app| presets::vars(app, "GITHUB"));
    for (error, status, code) in [
        ("bad_verification_code", 400, "code_refused"),
        ("incorrect_client_credentials", 502, "provider_refused"),
        ("redirect_uri_mismatch", 502, "provider_refused"),
        ("<b>x</b>", 502, "provider_refused"),
    ] {
        let body =
            serde_json::json!({ "error": error, "error_description": "<i>no</i>", "error_uri": "https://x" });
        world
            .provider
            .edit()
            .faults
            .insert(token.clone(), Fault::Answer(200, "application/json", body.to_string()));
        let mut browser = world.browser();
        let granted = world.provider.authorize(&browser.start("github", "").await);
        let answer = browser.callback("github", &[("code", &granted.code), ("state", &granted.state)]).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{error}");
        assert!(!String::from_utf8(answer.body).unwrap().contains('<'));
    }
}

//! `GET /v1/oauth/{provider}/start`.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use latchkey_http::Function;
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::{Fault, ISSUER};
use latchkey_testkit::{TestAppBuilder, TestRequest, World, query};
use url::Url;

/// Start, and the callback at which the rules show.
fn operations() -> Function {
    crate::function().merge(latchkey_oauth_callback::function())
}

fn world() -> World {
    World::unlimited(operations())
}

fn world_of(change: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> World {
    World::new(operations(), change)
}

/// A service for apps.
fn app_world() -> World {
    let apps = "com.example.app:/signed-in,http://127.0.0.1/in";
    world_of(|app| app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_APP_REDIRECTS", apps))
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_refused_before_anybody_leaves() {
    let world = world();
    for bad in [
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https:evil.example",
        "https://evil.example",
        "https://app.example.com@evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com\u{3002}evil.example",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "com.example.app:/in",
        "",
    ] {
        let path = format!("/v1/oauth/acme/start?{}", query(&[("redirect_to", bad)]));
        let answer = world.browser().get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"), "{bad:?}");
        assert!(answer.header("location").is_empty() && answer.header("set-cookie").is_empty());
    }
}

/// Those who follow a wrong link cannot change settings: those who can find them in the log.
#[tokio::test]
async fn the_page_of_a_refused_redirect_names_no_setting() {
    let world = world();
    let elsewhere = [("redirect_to", "https://evil.example/")];
    let as_app = [elsewhere[0], ("code_challenge", CHALLENGE)];
    for asked in [query(&elsewhere), query(&as_app), query(&as_app[1..])] {
        let mut browser = world.browser();
        browser.html = true;
        let answer = browser.get(&format!("/v1/oauth/acme/start?{asked}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (400, "text/html; charset=utf-8")
        );
        let page = String::from_utf8(answer.body).unwrap();
        assert!(page.contains("invalid_redirect") && page.contains("redirect_to"), "{page}");
        assert!(!page.contains("LATCHKEY_") && !page.contains("evil.example"), "{page}");
    }
}

#[tokio::test]
async fn an_unknown_provider_is_not_found() {
    let world = world();
    for (name, path) in [("google", "start"), ("google", "callback"), ("Acme", "start"), ("x.y", "callback")]
    {
        let answer = world.browser().get(&format!("/v1/oauth/{name}/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"), "{name} {path}");
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_host_alone_and_hides_what_it_holds() {
    let world = world();
    let mut browser = world.browser();
    let location = browser.start("acme", "").await;
    let [name] = browser.authorization_cookies().try_into().unwrap();
    let cookie = browser.jar[&name].clone();
    for attribute in ["HttpOnly", "Secure", "Path=/", "SameSite=Lax", "Max-Age=600"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let granted = world.provider.authorize(&location);
    assert!(!cookie.contains(&granted.state) && !name.contains(&granted.state));
}

#[tokio::test]
async fn on_http_the_name_of_the_cookie_carries_the_port() {
    let world = world_of(|app| app.var("LATCHKEY_URL", "http://localhost:8787"));
    let mut browser = world.browser();
    browser.start("acme", "").await;
    let (name, cookie) = browser.jar.first_key_value().unwrap();
    assert!(name.starts_with("latchkey-8787-oauth-") && !cookie.contains("Secure"), "{name}={cookie}");
}

#[tokio::test]
async fn flows_of_several_tabs_go_on_side_by_side_up_to_four() {
    let world = world();
    let mut browser = world.browser();
    let mut granted = Vec::new();
    for _ in 0..4 {
        let location = browser.start("acme", "").await;
        granted.push(world.provider.authorize(&location));
    }
    assert_eq!(browser.authorization_cookies().len(), 4);
    for one in granted.iter().rev() {
        assert_eq!(browser.come_back("acme", one).await.status, 303);
    }
    for _ in 0..9 {
        browser.start("acme", "").await;
    }
    assert_eq!(browser.authorization_cookies().len(), 4);
}

/// GETs that act are navigated to, and nothing else: no probe, no prefetch, no page that loads them.
#[tokio::test]
async fn a_request_that_is_no_navigation_begins_no_sign_in_and_spends_no_code() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    let back = query(&[("code", &granted.code), ("state", &granted.state), ("iss", ISSUER)]);
    for path in ["/v1/oauth/acme/start".to_owned(), format!("/v1/oauth/acme/callback?{back}")] {
        let ask = |method: Method, (name, value): (&'static str, &'static str)| {
            let cookies: Vec<_> = browser
                .jar
                .iter()
                .map(|(name, cookie)| format!("{name}={}", cookie.split(';').next().unwrap()))
                .collect();
            let request = TestRequest::new(method, &path).header("cookie", &cookies.join("; "));
            world.app.send(request.header(name, value))
        };
        let head = ask(Method::HEAD, ("accept", "*/*")).await;
        assert_eq!((head.status.as_u16(), head.header("allow")), (405, "GET"), "{path}");
        assert!(head.header("set-cookie").is_empty() && head.header("location").is_empty());
        for header in [
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "iframe"),
        ] {
            let answer = ask(Method::GET, header).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "navigation_required"),
                "{path} {header:?}"
            );
            assert!(answer.header("set-cookie").is_empty() && answer.header("location").is_empty());
        }
    }
    assert!(world.provider.forms().is_empty());
    assert_eq!(browser.come_back("acme", &granted).await.status, 303, "the code is not spent");
}

/// Hundreds that begin at once, none of which knows of the others.
#[tokio::test]
async fn flows_that_begin_in_parallel_pile_up_in_no_header() {
    let world = world();
    let begun = world.browser();
    let mut names = BTreeSet::new();
    for _ in 0..300 {
        let mut browser = begun.clone();
        browser.start("acme", "").await;
        names.extend(browser.authorization_cookies());
    }
    assert_eq!(names.len(), 4);
}

/// A flow that is over leaves the one alone that took its place.
#[tokio::test]
async fn an_answer_that_comes_late_ends_no_other_flow() {
    let world = world();
    let (mut browser, old) = world.at_provider().await;
    let mut newest = old.clone();
    for _ in 0..4 {
        world.app.clock.advance(Duration::from_secs(1));
        newest = world.provider.authorize(&browser.start("acme", "").await);
    }
    assert_eq!(browser.come_back("acme", &old).await.code(), "invalid_state", "the oldest has given way");
    assert_eq!(browser.authorization_cookies().len(), 4);
    assert_eq!(browser.come_back("acme", &newest).await.status, 303);
}

#[tokio::test]
async fn each_flow_has_secrets_of_its_own() {
    let world = world();
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let location = Url::parse(&world.browser().start("acme", "").await).unwrap();
        for (name, value) in location.query_pairs() {
            if ["state", "nonce", "code_challenge"].contains(&name.as_ref()) {
                assert!(value.len() >= 43, "{name}");
                assert!(seen.insert(value.into_owned()), "{name}");
            }
        }
    }
    assert_eq!(seen.len(), 24);
}

#[tokio::test]
async fn a_malformed_challenge_is_refused() {
    let world = app_world();
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
    let world = app_world();
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
async fn metadata_in_trouble_lets_nobody_leave() {
    let world = world();
    let url = format!("{ISSUER}/.well-known/openid-configuration");
    let other = r#"{"issuer":"https://evil.example","authorization_endpoint":"https://evil.example/a","token_endpoint":"https://evil.example/t"}"#;
    for (fault, status, code) in [
        (Fault::Timeout, 504, "provider_timeout"),
        (Fault::Answer(404, "text/html", "<b>x</b>".into()), 502, "provider_failed"),
        (Fault::Answer(200, "application/json", "{".into()), 502, "provider_failed"),
        (Fault::Answer(200, "application/json", other.into()), 502, "provider_failed"),
        (Fault::Answer(301, "application/json", other.into()), 502, "provider_failed"),
    ] {
        world.provider.edit().faults.insert(url.clone(), fault);
        let answer = world.browser().get("/v1/oauth/acme/start").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
        assert!(answer.header("location").is_empty());
    }
    world.provider.edit().faults.clear();
    assert_eq!(world.sign_in().await.status, 303);
}

#[tokio::test]
async fn a_refresh_token_is_asked_for_only_where_it_is_kept() {
    let world = world_of(|app| app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_PROVIDER_TOKENS", "keep"));
    world.provider.edit().shape.scopes = "openid email profile offline_access";
    assert_eq!(world.sign_in().await.status, 303);
    let location = self::world().browser().start("acme", "").await;
    assert!(!location.contains("offline_access"), "{location}");
}

//! The state of an authorization request, and the cookie that it is bound to.

use std::time::Duration;

use futures_util::future::join_all;
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, Fault, ISSUER};
use latchkey_testkit::query;

use super::{world, world_of};

#[tokio::test]
async fn an_answer_without_its_state_is_refused() {
    let world = world();
    let (browser, granted) = world.at_provider().await;
    let (code, state) = (granted.code.as_str(), granted.state.as_str());
    let long = "x".repeat(9000);
    for parameters in [
        vec![("code", code)],
        vec![("code", code), ("state", "")],
        vec![("code", code), ("state", "wrong")],
        vec![("code", code), ("state", &state[1..])],
        vec![("code", code), ("state", &long)],
        vec![("code", code), ("state", state), ("state", state)],
        vec![("code", code), ("code", "other"), ("state", state)],
    ] {
        let answer = browser.clone().callback("acme", &parameters).await;
        world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
    }
    assert!(world.provider.forms().is_empty(), "no code was sent anywhere");
}

#[tokio::test]
async fn an_answer_that_another_browser_asked_for_is_refused() {
    // Login CSRF: somebody's own code and state, in the browser of a victim.
    let world = world();
    let (_, granted) = world.at_provider().await;
    let answer = world.browser().come_back("acme", &granted).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
    // Also where the victim has a flow of their own under way.
    let (mut victim, _) = world.at_provider().await;
    let answer = victim.come_back("acme", &granted).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
}

#[tokio::test]
async fn a_cookie_is_good_for_its_own_state_only() {
    let world = world();
    let (mut mine, granted) = world.at_provider().await;
    let (theirs, _) = world.at_provider().await;
    let name = mine.authorization_cookies().remove(0);
    let other = theirs.jar[&theirs.authorization_cookies()[0]].clone();
    for value in
        [other, "v1.x.y; x".to_owned(), mine.jar[&name].replace("v1.", "v2."), mine.jar[&name].to_uppercase()]
    {
        let mut browser = mine.clone();
        browser.jar.insert(name.clone(), value);
        let answer = browser.come_back("acme", &granted).await;
        world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
    }
    assert_eq!(mine.come_back("acme", &granted).await.status, 303, "the right one was good");
}

#[tokio::test]
async fn a_flow_ends_after_ten_minutes() {
    let world = world();
    let (mut late, granted) = world.at_provider().await;
    world.app.clock.advance(Duration::from_mins(10));
    let answer = late.come_back("acme", &granted).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
    let (mut just, granted) = world.at_provider().await;
    world.app.clock.advance(Duration::from_secs(599));
    assert_eq!(just.come_back("acme", &granted).await.status, 303);
}

#[tokio::test]
async fn a_flow_is_good_once_also_for_a_browser_that_kept_its_cookie() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid_state"),
        "the cookie is gone"
    );

    // A provider that takes its codes twice: only the store can tell, before the code is sent again.
    let (mut browser, granted) = world.at_provider().await;
    let mut kept = browser.clone();
    world.provider.edit().reuses_codes = true;
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    let answer = kept.come_back("acme", &granted).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_state"));
    assert!(answer.set_cookie("__Host-latchkey-access").is_none());
    assert_eq!(world.last_event().await, ("oauth:failed".to_owned(), Some("replayed".to_owned())));
    assert_eq!(world.provider.forms().len(), 2, "one token call for each state");
}

/// A return that fails uses its state up too.
#[tokio::test]
async fn a_state_is_good_once_also_after_an_error() {
    let world = world();
    let token = format!("{ISSUER}/token");
    for error in ["denied", "another issuer", "no code", "provider down", "bad code"] {
        let (browser, granted) = world.at_provider().await;
        let (code, state) = (granted.code.as_str(), granted.state.as_str());
        let first = match error {
            "denied" => vec![("error", "access_denied"), ("state", state), ("iss", ISSUER)],
            "another issuer" => vec![("code", code), ("state", state), ("iss", "https://evil.example")],
            "no code" => vec![("state", state), ("iss", ISSUER)],
            "bad code" => vec![("code", "bad"), ("state", state), ("iss", ISSUER)],
            _ => vec![("code", code), ("state", state), ("iss", ISSUER)],
        };
        if error == "provider down" {
            world.provider.edit().faults.insert(token.clone(), Fault::Timeout);
        }
        assert_ne!(browser.clone().callback("acme", &first).await.status, 303, "{error}");
        world.provider.edit().faults.clear();
        let asked = world.provider.forms().len();
        let answer = browser.clone().come_back("acme", &granted).await;
        world.assert_refused(&answer, 400, "invalid_state", "replayed").await;
        assert_eq!(world.provider.forms().len(), asked, "{error}: nothing more is sent to the provider");
    }
}

#[tokio::test]
async fn of_parallel_returns_with_one_state_one_signs_in() {
    let world = world();
    let (browser, granted) = world.at_provider().await;
    world.provider.edit().reuses_codes = true;
    let mut browsers = vec![browser; 10];
    let returns = browsers.iter_mut().map(|browser| browser.come_back("acme", &granted));
    let mut statuses: Vec<_> = join_all(returns).await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400, 400, 400, 400, 400, 400, 400, 400, 400]);
    assert_eq!(world.provider.forms().len(), 1, "one state, one token call");
}

#[tokio::test]
async fn a_flow_of_one_provider_does_not_end_at_another() {
    let other = [
        ("LATCHKEY_OIDC", "acme,other"),
        ("OIDC_OTHER_ISSUER", "https://other.example.com"),
        ("OIDC_OTHER_CLIENT_ID", CLIENT_ID),
        ("OIDC_OTHER_CLIENT_SECRET", CLIENT_SECRET),
        ("LATCHKEY_LIMITS", "off"),
    ];
    let world = world_of(|app| other.iter().fold(app, |app, (name, value)| app.var(name, value)));
    let (mut browser, granted) = world.at_provider().await;
    let answer = browser.come_back("other", &granted).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
    assert!(world.provider.forms().is_empty());
}

#[tokio::test]
async fn a_look_alike_of_the_cookie_is_another_cookie() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    let name = browser.authorization_cookies().remove(0);
    let value = browser.jar.remove(&name).unwrap();
    browser.jar.insert(name.replace("__Host-", "__host-"), value);
    let answer = browser.come_back("acme", &granted).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
}

#[tokio::test]
async fn a_form_post_of_another_site_brings_no_lax_cookie() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    let form = query(&[("code", &granted.code), ("state", &granted.state), ("iss", ISSUER)]);
    let answer = browser.post_across("/v1/oauth/acme/callback", "https://id.example.com", &form).await;
    world.assert_refused(&answer, 400, "invalid_state", "invalid_state").await;
}

//! Linking: by the one who began it, in the session in which they did.

use std::time::Duration;

use latchkey_core::oauth::AuthorizationParams;
use latchkey_testkit::identities::allow_link;
use latchkey_testkit::people::{Person, get, post, sign_up};
use latchkey_testkit::provider::Granted;
use latchkey_testkit::{Browser, TestResponse, World};

use super::world;

/// A link that `who` began in this browser, and what the provider sends it back with.
async fn begin<'a>(world: &'a World, who: &Person) -> (Browser<'a>, Granted) {
    let ticket = allow_link(&world.app, who).await.unwrap();
    let provider = "acme".parse().unwrap();
    let start = AuthorizationParams {
        provider: &provider,
        redirect_to: Some("/settings"),
        challenge: None,
        link: Some(ticket),
        replaces: None,
        cookies: &[],
    };
    let begun = world.app.services.oauth.start(start).await.unwrap();
    let mut browser = world.browser();
    browser.jar.insert(begun.cookie.name, begun.cookie.value);
    (browser, world.provider.authorize(begun.location.as_str()))
}

async fn identities(world: &World, who: &Person) -> TestResponse {
    get(&world.app, "/v1/identities", who).await
}

async fn linked(world: &World, who: &Person) -> usize {
    identities(world, who).await.json()["identities"].as_array().expect("a list").len()
}

fn is(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
}

#[tokio::test]
async fn a_link_gives_the_account_another_way_in() {
    let world = world();
    let ada = sign_up(&world.app, "ada@example.com").await;
    let (mut browser, granted) = begin(&world, &ada).await;
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "https://app.example.com/settings")
    );
    assert!(answer.set_cookie("__Host-latchkey-access").is_none(), "a link is no sign-in");
    assert_eq!(linked(&world, &ada).await, 1);
    let (mut other, granted) = world.at_provider().await;
    assert_eq!(other.come_back("acme", &granted).await.status, 303);
    assert_eq!(other.get("/v1/session").await.text("user.id"), ada.id);
}

#[tokio::test]
async fn a_link_is_good_once_and_in_its_own_browser() {
    let world = world();
    let ada = sign_up(&world.app, "ada@example.com").await;
    let (mut browser, granted) = begin(&world, &ada).await;
    is(&world.browser().come_back("acme", &granted).await, 400, "invalid_state");
    let mut kept = browser.clone();
    world.provider.edit().reuses_codes = true;
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    is(&kept.come_back("acme", &granted).await, 400, "invalid_state");
}

#[tokio::test]
async fn a_link_that_one_user_began_is_not_finished_by_another() {
    let world = world();
    let ada = sign_up(&world.app, "ada@example.com").await;
    let eve = sign_up(&world.app, "eve@example.com").await;
    let (mut browser, granted) = begin(&world, &ada).await;
    browser.jar.insert("__Host-latchkey-access".to_owned(), eve.access.clone());
    is(&browser.come_back("acme", &granted).await, 403, "other_account");
    assert_eq!(world.last_event().await.1.as_deref(), Some("other_account"));
    assert!(world.provider.forms().is_empty(), "the code was not even sent");
    assert_eq!((linked(&world, &ada).await, linked(&world, &eve).await), (0, 0));
}

#[tokio::test]
async fn a_link_ends_with_its_session() {
    let world = world();
    let ada = sign_up(&world.app, "ada@example.com").await;
    let (mut browser, granted) = begin(&world, &ada).await;
    assert_eq!(post(&world.app, "/v1/signout", &ada).await.status, 204);
    is(&browser.come_back("acme", &granted).await, 401, "session_ended");
}

#[tokio::test]
async fn linking_needs_a_sign_in_within_ten_minutes() {
    let world = world();
    let ada = sign_up(&world.app, "ada@example.com").await;
    world.app.clock.advance(Duration::from_mins(10) + Duration::from_secs(1));
    assert!(allow_link(&world.app, &ada).await.is_err());
}

#[tokio::test]
async fn an_identity_of_another_account_is_not_taken_over() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    let eve = sign_up(&world.app, "eve@example.com").await;
    let (mut browser, granted) = begin(&world, &eve).await;
    browser.html = true;
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "https://app.example.com/settings?error=identity_taken")
    );
    assert_eq!(linked(&world, &eve).await, 0);
}

//! Sign-in by a return from a provider.

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::adapter::InProcessCache;
use latchkey_testkit::provider::ISSUER;
use latchkey_testkit::{FRONTEND, TestRequest, URL, home, query};

use super::{world, world_of};

#[tokio::test]
async fn a_first_sign_in_makes_an_account_and_begins_a_session() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, home().as_str()),
        "{}",
        answer.json()
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let session = browser.get("/v1/session").await;
    assert_eq!((session.status.as_u16(), session.text("user.email").as_str()), (200, "ada@example.com"));
    assert_eq!(session.json()["user"]["email_verified"], true);
    assert_eq!(browser.authorization_cookies(), Vec::<String>::new(), "the flow is over");
    assert_eq!(world.last_event().await.0, "signup:succeeded");
}

#[tokio::test]
async fn a_second_sign_in_finds_the_account_by_subject_whatever_the_e_mail_is() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.edit().claims["email"] = "ada.lovelace@example.org".into();
    let (mut browser, granted) = world.at_provider().await;
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    assert_eq!(browser.get("/v1/session").await.text("user.email"), "ada@example.com");
    assert_eq!(world.last_event().await.0, "signin:succeeded");
}

#[tokio::test]
async fn no_token_of_the_provider_reaches_the_browser() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    let answer = browser.come_back("acme", &granted).await;
    let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    assert!(!shown.contains("provider-") && !shown.contains(&granted.code), "{shown}");
}

#[tokio::test]
async fn a_callback_takes_three_trips_to_the_stores_and_two_to_the_provider() {
    let world = world_of(|app| app);
    assert_eq!(world.sign_in().await.status, 303);
    world.app.trips.take();
    world.provider.take_round_trips();
    let (mut browser, granted) = world.at_provider().await;
    assert_eq!(
        (world.app.trips.take(), world.provider.take_round_trips()),
        (1, 0),
        "start counts, and asks nobody"
    );
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    assert_eq!(world.app.trips.take(), 3, "counters and the state at once, identity, commit");
    assert_eq!(world.provider.take_round_trips(), 1, "the ID token says it all");

    let claims = world.provider.edit().claims.clone();
    for claim in ["email", "email_verified"] {
        world.provider.edit().claims.as_object_mut().unwrap().remove(claim);
    }
    let userinfo = format!("{ISSUER}/userinfo");
    world.provider.edit().shape.documents.insert(userinfo, claims);
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(world.provider.take_round_trips(), 2, "the token endpoint, and userinfo for what is missing");
}

#[tokio::test]
async fn documents_are_remembered_for_an_hour() {
    let world = world();
    world.sign_in().await;
    world.sign_in().await;
    let asked = |path: &str| world.provider.requests().iter().filter(|url| url.ends_with(path)).count();
    assert_eq!((asked("/openid-configuration"), asked("/jwks")), (1, 1));
    world.app.clock.advance(Duration::from_hours(1));
    world.sign_in().await;
    assert_eq!((asked("/openid-configuration"), asked("/jwks")), (2, 2));
}

#[tokio::test]
async fn documents_from_a_shared_cache_are_as_old_as_they_are() {
    let cache = Arc::new(InProcessCache::default());
    let first = world_of(|app| app.var("LATCHKEY_LIMITS", "off").cache(cache.clone()));
    let second = first.other_process(2, |app| app.var("LATCHKEY_LIMITS", "off").cache(cache));
    let asked = || {
        let requests = first.provider.requests();
        let of = |path: &str| requests.iter().filter(|url| url.ends_with(path)).count();
        (of("/openid-configuration"), of("/jwks"))
    };
    assert_eq!(first.sign_in().await.status, 303);
    first.app.clock.advance(Duration::from_mins(59));
    assert_eq!(second.sign_in().await.status, 303);
    assert_eq!(asked(), (1, 1), "the other process has them from the cache");
    first.app.clock.advance(Duration::from_mins(1));
    assert_eq!(second.sign_in().await.status, 303);
    assert_eq!(asked(), (2, 2), "an hour after they were fetched, whoever fetched them");
    assert_eq!(first.sign_in().await.status, 303);
    assert_eq!(asked(), (2, 2));
}

#[tokio::test]
async fn only_ten_returns_a_minute_are_taken_from_one_address() {
    let world = world_of(|app| app);
    for _ in 0..10 {
        assert_eq!(world.browser().callback("acme", &[]).await.status, 400);
    }
    let answer = world.browser().callback("acme", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limited"));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn the_session_before_is_ended() {
    let world = world();
    let (mut browser, granted) = world.at_provider().await;
    browser.come_back("acme", &granted).await;
    let before = browser.jar["__Host-latchkey-access"].split(';').next().unwrap().to_owned();
    let location = browser.start("acme", "").await;
    assert_eq!(browser.come_back("acme", &world.provider.authorize(&location)).await.status, 303);
    let old = world.app.send(TestRequest::get("/v1/sessions").bearer(&before)).await;
    assert_eq!(old.status, 401);
    let sessions = browser.get("/v1/sessions").await;
    assert_eq!(sessions.json()["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_browser_goes_back_to_where_it_asked_to() {
    let world = world();
    for (asked, place) in [
        ("/welcome?a=b", format!("{FRONTEND}/welcome?a=b")),
        ("https://app.example.com/x", format!("{FRONTEND}/x")),
        ("https://auth.example.com/docs", format!("{URL}/docs")),
    ] {
        let mut browser = world.browser();
        let location = browser.start("acme", &query(&[("redirect_to", asked)])).await;
        let answer = browser.come_back("acme", &world.provider.authorize(&location)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, place.as_str()));
    }
}

#[tokio::test]
async fn two_first_sign_ins_of_one_identity_at_once_make_one_account() {
    let world = world();
    let (mut one, first) = world.at_provider().await;
    let (mut two, second) = world.at_provider().await;
    let (a, b) = tokio::join!(one.come_back("acme", &first), two.come_back("acme", &second));
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (303, 303), "{} {}", a.json(), b.json());
    let ids = [one.get("/v1/session").await.text("user.id"), two.get("/v1/session").await.text("user.id")];
    assert!(!ids[0].is_empty());
    assert_eq!(ids[0], ids[1]);
}

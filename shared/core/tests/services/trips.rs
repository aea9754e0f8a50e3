//! Round trips to the stores, counted exactly. A callback counts its caller first, which is one more.

use latchkey_testkit::identities::{
    ada, ada_at_google, allow_link, enter, issue_code, link, link_by, profiled, redeem_code,
};
use latchkey_testkit::people::register;
use latchkey_testkit::pkce::VERIFIER;

use crate::app;

#[tokio::test]
async fn a_sign_in_with_a_provider_takes_two_whether_new_known_or_renamed() {
    let app = app().await;
    app.trips.take();
    enter(&app, &ada()).await.unwrap();
    assert_eq!(app.trips.take(), 2, "new");
    enter(&app, &ada()).await.unwrap();
    assert_eq!(app.trips.take(), 2, "known");
    let mut renamed = ada();
    renamed.name = Some("Countess Ada".to_owned());
    renamed.avatar = None;
    enter(&app, &renamed).await.unwrap();
    assert_eq!(app.trips.take(), 2, "renamed");
    let made = enter(&app, &ada()).await.unwrap();
    link(&app, &made.person, &ada_at_google()).await.unwrap();
    app.trips.take();
    enter(&app, &renamed).await.unwrap();
    assert_eq!(app.trips.take(), 2, "renamed, one of two");
}

#[tokio::test]
async fn a_refusal_takes_one_more_for_its_event() {
    let app = app().await;
    enter(&app, &profiled("google", "77", "ada@example.com")).await.unwrap();
    app.trips.take();
    enter(&app, &ada()).await.unwrap_err();
    assert_eq!(app.trips.take(), 4, "the address has an account, which is looked at");
    let mut nameless = ada();
    nameless.verified_email = None;
    enter(&app, &nameless).await.unwrap_err();
    assert_eq!(app.trips.take(), 2, "no address");
}

#[tokio::test]
async fn a_taken_handle_costs_one_more_at_the_first_sign_in() {
    let app = app().await;
    enter(&app, &ada()).await.unwrap();
    app.trips.take();
    enter(&app, &profiled("github", "2", "other@example.com")).await.unwrap();
    assert_eq!(app.trips.take(), 3);
}

#[tokio::test]
async fn a_link_takes_two() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    for provider in ["google", "discord"] {
        let ticket = allow_link(&app, &made.person).await.unwrap();
        app.trips.take();
        link_by(&app, &ticket, &profiled(provider, "77", "ada@gmail.example")).await.unwrap();
        assert_eq!(app.trips.take(), 2, "{provider}");
    }
}

#[tokio::test]
async fn an_account_that_gives_way_is_looked_at_once() {
    let app = app().await;
    register(&app, "ada@example.com").await;
    app.trips.take();
    enter(&app, &ada()).await.unwrap();
    let (look, sweep) = (3, 2);
    assert_eq!(app.trips.take(), 2 + look + 1 + sweep, "login, user, rest; the commit again; its sessions");
}

#[tokio::test]
async fn a_code_takes_two_and_so_does_its_exchange() {
    let app = app().await;
    app.trips.take();
    let code = issue_code(&app, &ada()).await.unwrap();
    assert_eq!(app.trips.take(), 2);
    redeem_code(&app, &code, VERIFIER).await.unwrap();
    assert_eq!(app.trips.take(), 2);
}

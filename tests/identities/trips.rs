//! Round trips to the stores, counted exactly. A callback counts its caller first, which is one more.

use latchkey_core::account::{CodeOpening, Redemption};
use latchkey_core::audit::Requester;
use latchkey_testkit::pkce::VERIFIER;

use crate::codes::{REDIRECT, challenge};
use crate::support::{ada, allow_link, app, enter, external, get, link, link_by, opening, sign_up};

#[tokio::test]
async fn a_sign_in_with_a_provider_is_two_whether_new_known_or_renamed() {
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
    link(&app, &made.access, &external("google", "77", "ada@gmail.example")).await.unwrap();
    app.trips.take();
    enter(&app, &renamed).await.unwrap();
    assert_eq!(app.trips.take(), 2, "renamed, one of two");
}

#[tokio::test]
async fn a_refusal_writes_its_event_in_one_more() {
    let app = app().await;
    enter(&app, &external("google", "77", "ada@example.com")).await.unwrap();
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
    enter(&app, &external("github", "2", "other@example.com")).await.unwrap();
    assert_eq!(app.trips.take(), 3);
}

#[tokio::test]
async fn a_link_is_two() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    for provider in ["google", "discord"] {
        let ticket = allow_link(&app, &made.access).await.unwrap();
        app.trips.take();
        link_by(&app, &ticket, &external(provider, "77", "ada@gmail.example")).await.unwrap();
        assert_eq!(app.trips.take(), 2, "{provider}");
    }
}

#[tokio::test]
async fn an_account_that_gives_way_is_looked_at_once() {
    let app = app().await;
    sign_up(&app, "ada@example.com").await;
    app.trips.take();
    enter(&app, &ada()).await.unwrap();
    let (look, sweep) = (3, 2);
    assert_eq!(app.trips.take(), 2 + look + 1 + sweep, "login, user, rest; the commit again; its sessions");
}

#[tokio::test]
async fn a_code_is_two_and_so_is_its_exchange() {
    let app = app().await;
    let from = Requester::default();
    app.trips.take();
    let code_opening = CodeOpening { challenge: &challenge(), redirect_to: REDIRECT, from: &from };
    let services = &app.services;
    let issued = services.provider_sign_in.sign_in_for_code(&ada(), None, &code_opening).await.unwrap();
    assert_eq!(app.trips.take(), 2);
    let redemption = Redemption { code: issued.code, verifier: VERIFIER.into(), redirect_to: None };
    services.provider_sign_in.redeem_code(&redemption, &opening(&from)).await.unwrap();
    assert_eq!(app.trips.take(), 2);
}

#[tokio::test]
async fn the_list_is_one_more_than_the_check_of_its_caller() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    link(&app, &made.access, &external("google", "77", "ada@gmail.example")).await.unwrap();
    app.trips.take();
    get(&app, "/v1/identities", &made.access).await;
    assert_eq!(app.trips.take(), 2);
}

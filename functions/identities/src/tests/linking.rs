//! Linked identities, and who may link one.

use std::time::Duration;

use latchkey_core::account::{Authority, LinkError, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::port::Clock;
use latchkey_testkit::identities::{ada, ada_at_google, allow_link, enter, link, link_by};
use latchkey_testkit::people::{Person, events, get, post, refresh, sign_in, sign_up};
use serde_json::json;

use super::app;

#[tokio::test]
async fn a_linked_identity_is_a_way_in() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let user = link(&app, &owner, &ada()).await.unwrap();
    assert_eq!(user.id.to_string(), owner.id);
    let again = enter(&app, &ada()).await.unwrap();
    assert!(!again.created && again.id() == user.id);
    assert_eq!(sign_in(&app, "ada@example.com").await.id, owner.id, "and the password still is one");
    let event = &events(&app, Action::IdentityLinked).await[0];
    assert_eq!((event.user_id, event.resource.as_deref()), (Some(user.id), Some("identity:github")));
}

#[tokio::test]
async fn the_list_says_what_each_provider_said_and_no_token() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    link(&app, &owner, &ada()).await.unwrap();
    link(&app, &owner, &ada_at_google()).await.unwrap();
    let answer = get(&app, "/v1/identities", &owner).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let linked_at = app.clock.now().to_string();
    assert_eq!(
        answer.json(),
        json!({ "identities": [
            { "provider": "github", "issuer": "https://github.com/login/oauth", "name": "Ada Lovelace", "username": "adalovelace", "email": "ada@example.com",
              "avatar": "https://pictures.example/ada.png", "linked_at": linked_at },
            { "provider": "google", "issuer": "https://google.example", "name": "Ada Lovelace", "username": "adalovelace", "email": "ada@gmail.example",
              "avatar": "https://pictures.example/ada.png", "linked_at": linked_at },
        ] })
    );
}

#[tokio::test]
async fn an_identity_of_another_account_is_not_linked() {
    let app = app().await;
    let ada_there = enter(&app, &ada()).await.unwrap();
    let eve = sign_up(&app, "eve@example.com").await;
    let ticket = allow_link(&app, &eve).await.unwrap();
    let refused = link_by(&app, &ticket, &ada()).await;
    assert!(matches!(refused, Err(LinkError::LinkedElsewhere)));
    assert_eq!(enter(&app, &ada()).await.unwrap().id(), ada_there.id());
    assert_eq!(get(&app, "/v1/identities", &eve).await.json()["identities"], json!([]));
    let event = &events(&app, Action::IdentityRefused).await[0];
    assert_eq!(event.user_id.unwrap().to_string(), eve.id);
    assert_eq!(event.details["reason"], "linked_elsewhere");
}

#[tokio::test]
async fn a_link_needs_a_sign_in_within_ten_minutes() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_mins(10));
    let ticket = allow_link(&app, &owner).await.unwrap();
    app.clock.advance(Duration::from_millis(1));
    assert!(allow_link(&app, &owner).await.is_err());
    // A refresh does not count as a sign-in.
    let refreshed = Person::read(&refresh(&app, &owner.refresh).await);
    assert!(allow_link(&app, &refreshed).await.is_err());
    // A link that was allowed in time may come back from the provider later.
    link_by(&app, &ticket, &ada()).await.unwrap();
    let again = sign_in(&app, "ada@example.com").await;
    assert!(allow_link(&app, &again).await.is_ok());
}

#[tokio::test]
async fn a_session_that_has_ended_links_nothing() {
    let app = app().await;
    let from = Requester::default();
    for end in ["this session", "every session", "everybody's sessions", "the account's use", "the account"] {
        let email = format!("{}@example.com", end.replace([' ', '\''], ""));
        let owner = sign_up(&app, &email).await;
        let id = owner.user_id();
        let ticket = allow_link(&app, &owner).await.unwrap();
        let services = &app.services;
        match end {
            "this session" => {
                assert_eq!(post(&app, "/v1/signout", &owner).await.status, 204);
            }
            "every session" => drop(services.users.end_sessions(id, Authority::Owner, &from).await.unwrap()),
            "everybody's sessions" => {
                app.clock.advance(Duration::from_secs(1));
                app.services.roles.end_sessions(app.clock.now()).await.unwrap();
            }
            "the account's use" => {
                drop(
                    services
                        .users
                        .set_status(id, Status::Disabled, Authority::Operator, &from)
                        .await
                        .unwrap(),
                );
            }
            _ => services.users.delete(id, Authority::Operator, &from).await.unwrap(),
        }
        let refused = link_by(&app, &ticket, &ada()).await;
        assert!(matches!(refused, Err(LinkError::SessionEnded)), "{end}");
    }
    assert!(enter(&app, &ada()).await.unwrap().created, "the identity is still nobody's");
}

#[tokio::test]
async fn the_list_takes_one_trip_more_than_the_check_of_its_caller() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    link(&app, &made.person, &ada_at_google()).await.unwrap();
    app.trips.take();
    get(&app, "/v1/identities", &made.person).await;
    assert_eq!(app.trips.take(), 2);
}

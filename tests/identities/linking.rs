//! Linking an identity while signed in.

use std::time::Duration;

use latchkey_core::account::{Authority, LinkError, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::port::Clock;
use latchkey_testkit::TestRequest;
use serde_json::json;

use crate::support::{
    PASSWORD, ada, allow_link, app, enter, events, external, get, link, link_by, sign_in, sign_up,
};

#[tokio::test]
async fn a_linked_identity_is_a_way_in() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let user = link(&app, &owner.text("access_token"), &ada()).await.unwrap();
    assert_eq!(user.id.to_string(), owner.text("user.id"));
    let again = enter(&app, &ada()).await.unwrap();
    assert!(!again.created && again.id() == user.id);
    assert_eq!(sign_in(&app, "ada@example.com").await.status, 200, "and the password still is one");
    let event = &events(&app, Action::IdentityLinked).await[0];
    assert_eq!((event.user_id, event.resource.as_deref()), (Some(user.id), Some("identity:github")));
}

#[tokio::test]
async fn the_list_says_what_each_provider_said_and_no_token() {
    let app = app().await;
    let owner = sign_up(&app, "owner@example.com").await;
    let access = owner.text("access_token");
    link(&app, &access, &ada()).await.unwrap();
    link(&app, &access, &external("google", "77", "ada@gmail.example")).await.unwrap();
    let answer = get(&app, "/v1/identities", &access).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
    let linked_at = owner.text("session.created_at");
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
    let access = eve.text("access_token");
    let ticket = allow_link(&app, &access).await.unwrap();
    let refused = link_by(&app, &ticket, &ada()).await;
    assert!(matches!(refused, Err(LinkError::LinkedElsewhere)));
    assert_eq!(enter(&app, &ada()).await.unwrap().id(), ada_there.id());
    assert_eq!(get(&app, "/v1/identities", &access).await.json()["identities"], json!([]));
    let event = &events(&app, Action::IdentityRefused).await[0];
    assert_eq!(event.user_id.unwrap().to_string(), eve.text("user.id"));
    assert_eq!(event.details["reason"], "linked_elsewhere");
}

#[tokio::test]
async fn linking_what_is_linked_is_fine_and_linking_a_second_of_a_provider_is_not() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let access = owner.text("access_token");
    for _ in 0..2 {
        link(&app, &access, &ada()).await.unwrap();
    }
    assert_eq!(events(&app, Action::IdentityLinked).await.len(), 1);
    let second = link(&app, &access, &external("github", "1816", "ada2@example.com")).await;
    assert!(matches!(second, Err(LinkError::ProviderLinked)));
}

#[tokio::test]
async fn an_account_has_ten_identities_at_the_most() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let access = owner.text("access_token");
    for n in 0..10 {
        link(&app, &access, &external(&format!("p{n}"), "1", "ada@example.com")).await.unwrap();
    }
    let eleventh = link(&app, &access, &external("p10", "1", "ada@example.com")).await;
    assert!(matches!(eleventh, Err(LinkError::TooMany)));
    let id = owner.text("user.id").parse().unwrap();
    let from = Requester::default();
    app.services.users.set_status(id, Status::Disabled, Authority::Operator, &from).await.unwrap();
    for n in 0..10 {
        assert!(enter(&app, &external(&format!("p{n}"), "1", "ada@example.com")).await.is_err());
    }
}

#[tokio::test]
async fn a_link_needs_a_sign_in_within_ten_minutes() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    app.clock.advance(Duration::from_mins(10));
    let access = owner.text("access_token");
    let ticket = allow_link(&app, &access).await.unwrap();
    app.clock.advance(Duration::from_millis(1));
    assert!(allow_link(&app, &access).await.is_err());
    // A refresh is no sign-in.
    let body = json!({"refresh_token": owner.text("refresh_token")});
    let refreshed = app.send(TestRequest::post("/v1/token/refresh", &body)).await;
    assert!(allow_link(&app, &refreshed.text("access_token")).await.is_err());
    // What was allowed in time may come back from the provider later.
    link_by(&app, &ticket, &ada()).await.unwrap();
    let again = sign_in(&app, "ada@example.com").await;
    assert!(allow_link(&app, &again.text("access_token")).await.is_ok());
}

#[tokio::test]
async fn a_session_that_has_ended_links_nothing() {
    let app = app().await;
    let from = Requester::default();
    for end in ["this session", "every session", "everybody's sessions", "the account's use", "the account"] {
        let email = format!("{}@example.com", end.replace([' ', '\''], ""));
        let owner = sign_up(&app, &email).await;
        let (access, id) = (owner.text("access_token"), owner.text("user.id").parse().unwrap());
        let ticket = allow_link(&app, &access).await.unwrap();
        let services = &app.services;
        match end {
            "this session" => {
                let out = TestRequest::new("POST".parse().unwrap(), "/v1/signout").bearer(&access);
                assert_eq!(app.send(out).await.status, 204);
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
async fn a_ticket_is_good_for_an_account_that_changed_since() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let access = owner.text("access_token");
    let ticket = allow_link(&app, &access).await.unwrap();
    link(&app, &access, &external("google", "77", "ada@gmail.example")).await.unwrap();
    let id = owner.text("user.id").parse().unwrap();
    let role = "content-editor".parse().unwrap();
    app.services.users.grant_role(id, &role, Authority::Operator, &Requester::default()).await.unwrap();
    let user = link_by(&app, &ticket, &ada()).await.unwrap();
    assert_eq!(user.identities.len(), 2);
    for identity in [ada(), external("google", "77", "ada@gmail.example")] {
        let signed_in = enter(&app, &identity).await.unwrap().user;
        assert_eq!(signed_in, user, "every copy is the same");
        assert!(signed_in.roles.contains(&role));
    }
}

#[tokio::test]
async fn a_ticket_survives_its_seal_and_shows_nobody_else_in() {
    let app = app().await;
    let owner = sign_up(&app, "ada@example.com").await;
    let ticket = allow_link(&app, &owner.text("access_token")).await.unwrap();
    let text = serde_json::to_string(&ticket).unwrap();
    assert!(!text.contains(PASSWORD) && !text.contains(&owner.text("refresh_token")));
    let read: latchkey_core::account::LinkTicket = serde_json::from_str(&text).unwrap();
    assert_eq!(read, ticket);
    assert_eq!(ticket.user().to_string(), owner.text("user.id"));
    assert_eq!(ticket.session().to_string(), owner.text("session.id"));
}

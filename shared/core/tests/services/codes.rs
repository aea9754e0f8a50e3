//! One-time codes for clients that hold their own tokens.

use std::time::Duration;

use latchkey_core::account::{Authority, IdentityError, RedeemError, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::port::Clock;
use latchkey_core::port::table::Query;
use latchkey_core::session::{NewSession, RefreshError};
use latchkey_core::{ExposeSecret, SecretString};
use latchkey_testkit::TestApp;
use latchkey_testkit::identities::{
    REDIRECT, ada, enter, is_live, issue_code, profiled, redeem_code as redeem, redeem_code_at as redeem_at,
};
use latchkey_testkit::people::{Person, events};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};

use crate::app;

async fn issue(app: &TestApp) -> SecretString {
    issue_code(app, &ada()).await.unwrap()
}

fn is_invalid(answer: &Result<NewSession, RedeemError>) -> bool {
    matches!(answer, Err(RedeemError::Invalid { .. }))
}

#[tokio::test]
async fn a_code_gives_a_session_once() {
    let app = app().await;
    let code = issue(&app).await;
    assert!(code.expose_secret().starts_with("lkc_"));
    let signed_in = redeem(&app, &code, VERIFIER).await.unwrap();
    assert!(is_live(&app, &Person::of(&signed_in)).await);
    assert_eq!(signed_in.user.email.as_str(), "ada@example.com");
    assert_eq!(events(&app, Action::SignupSucceeded).await.len(), 1);
    assert_eq!(events(&app, Action::SigninSucceeded).await[0].user_id, Some(signed_in.user.id));
    // Somebody who has an account already.
    issue(&app).await;
    assert_eq!(events(&app, Action::CodeIssued).await.len(), 1);
}

/// Whoever brings it, and with any verifier: the code is in two hands, and one of them may have been first.
#[tokio::test]
async fn a_code_that_comes_again_ends_the_session_it_gave() {
    for verifier in [VERIFIER, &VERIFIER[1..], ""] {
        let app = app().await;
        let elsewhere = enter(&app, &ada()).await.unwrap();
        let code = issue(&app).await;
        let signed_in = redeem(&app, &code, VERIFIER).await.unwrap();
        app.clock.advance(Duration::from_secs(59));
        assert!(is_invalid(&redeem(&app, &code, verifier).await), "{verifier}");

        assert!(!is_live(&app, &Person::of(&signed_in)).await);
        let (refresh_token, from) = (&signed_in.tokens.refresh_token, Requester::default());
        let refreshed = app.services.sessions.refresh(refresh_token, &from).await;
        assert!(matches!(refreshed, Err(RefreshError::Ended { .. })));
        assert!(is_live(&app, &elsewhere.person).await, "other sessions live");

        assert!(is_invalid(&redeem(&app, &code, VERIFIER).await));
        let replayed = events(&app, Action::CodeReplayed).await;
        assert_eq!(replayed.len(), 1, "the third time there is nothing left to end");
        assert_eq!(replayed[0].user_id, Some(signed_in.user.id));
        assert_eq!(replayed[0].resource, Some(format!("session:{}", signed_in.session.id)));
    }
}

#[tokio::test]
async fn a_used_code_ends_nothing_after_its_minute() {
    let app = app().await;
    let code = issue(&app).await;
    app.clock.advance(Duration::from_secs(59));
    let signed_in = redeem(&app, &code, VERIFIER).await.unwrap();
    app.clock.advance(Duration::from_secs(1));
    assert!(is_invalid(&redeem(&app, &code, VERIFIER).await));
    assert!(is_live(&app, &Person::of(&signed_in)).await);
    assert!(events(&app, Action::CodeReplayed).await.is_empty());
}

#[tokio::test]
async fn no_session_begins_before_the_code_is_exchanged() {
    let app = app().await;
    let code = issue(&app).await;
    let user = app.services.users.find_by_email(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert!(app.services.sessions.list(&user).await.unwrap().is_empty());
    redeem(&app, &code, VERIFIER).await.unwrap();
    assert_eq!(app.services.sessions.list(&user).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_verifier_uses_the_code_up() {
    let app = app().await;
    for wrong in ["", CHALLENGE, &VERIFIER[1..]] {
        let code = issue(&app).await;
        assert!(is_invalid(&redeem(&app, &code, wrong).await), "{wrong}");
        assert!(is_invalid(&redeem(&app, &code, VERIFIER).await), "{wrong}");
    }
    assert_eq!(events(&app, Action::CodeRefused).await.len(), 3);
    assert!(events(&app, Action::SigninSucceeded).await.is_empty());
}

#[tokio::test]
async fn a_code_expires_after_a_minute() {
    let app = app().await;
    let (first, second) = (issue(&app).await, issue(&app).await);
    app.clock.advance(Duration::from_mins(1) - Duration::from_millis(1));
    assert!(redeem(&app, &first, VERIFIER).await.is_ok());
    app.clock.advance(Duration::from_millis(1));
    assert!(is_invalid(&redeem(&app, &second, VERIFIER).await));
}

#[tokio::test]
async fn a_code_is_good_where_it_was_sent_and_nowhere_else() {
    let app = app().await;
    let code = issue(&app).await;
    assert!(is_invalid(&redeem_at(&app, &code, VERIFIER, Some("https://evil.example/")).await));
    let code = issue(&app).await;
    assert!(redeem_at(&app, &code, VERIFIER, Some(REDIRECT)).await.is_ok());
}

#[tokio::test]
async fn a_made_up_code_is_refused() {
    let app = app().await;
    let code = issue(&app).await;
    let (start, end) = code.expose_secret().split_at(60);
    let changed = format!("{start}{}", end.chars().rev().collect::<String>());
    for text in ["", "lkc_", "x", &changed] {
        assert!(is_invalid(&redeem(&app, &text.into(), VERIFIER).await), "{text}");
    }
    assert!(redeem(&app, &code, VERIFIER).await.is_ok(), "and none of them used the real one up");
}

#[tokio::test]
async fn a_code_ends_with_the_sessions_of_its_account() {
    let from = Requester::default();
    for end in ["sign-out everywhere", "everybody's", "disabling", "deletion"] {
        let app = app().await;
        let code = issue(&app).await;
        let services = &app.services;
        let id = services.users.find_by_email(&"ada@example.com".parse().unwrap()).await.unwrap().unwrap().id;
        match end {
            "sign-out everywhere" => {
                drop(services.users.end_sessions(id, Authority::Owner, &from).await.unwrap());
            }
            "everybody's" => {
                app.clock.advance(Duration::from_secs(1));
                app.services.roles.end_sessions(app.clock.now()).await.unwrap();
            }
            "disabling" => {
                drop(
                    services
                        .users
                        .set_status(id, Status::Disabled, Authority::Operator, &from)
                        .await
                        .unwrap(),
                );
                assert!(is_invalid(&redeem(&app, &code, VERIFIER).await));
                drop(
                    services.users.set_status(id, Status::Active, Authority::Operator, &from).await.unwrap(),
                );
            }
            _ => services.users.delete(id, Authority::Operator, &from).await.unwrap(),
        }
        assert!(is_invalid(&redeem(&app, &code, VERIFIER).await), "{end}");
    }
}

#[tokio::test]
async fn whoever_may_not_sign_in_gets_no_code() {
    let app = app().await;
    enter(&app, &profiled("google", "77", "ada@example.com")).await.unwrap();
    let refused = issue_code(&app, &ada()).await;
    assert!(matches!(refused, Err(IdentityError::AccountExists)));
}

#[tokio::test]
async fn the_store_holds_no_code_in_clear() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let code = issue(&app).await;
    let query = Query::prefix(format!("user#{}", made.id()), "code#", 10);
    let ports = &app.services.ports;
    let found = ports.table.query(&query, ports.clock.now()).await.unwrap().items;
    assert_eq!(found.len(), 1);
    let shown = format!("{} {}", found[0].key, found[0].body);
    assert!(!shown.contains(code.expose_secret()) && !shown.contains(&code.expose_secret()[4..]), "{shown}");
}

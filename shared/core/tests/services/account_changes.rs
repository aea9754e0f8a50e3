//! Changes of an account reach its sign-in with a provider at once.

use latchkey_core::account::{Authority, IdentityError, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_testkit::TestApp;
use latchkey_testkit::identities::{Entered, ada, ada_at_google, enter, is_live, link};
use latchkey_testkit::people::events;

use crate::app;

/// Ada with two identities.
async fn ada_twice(app: &TestApp) -> Entered {
    let made = enter(app, &ada()).await.unwrap();
    link(app, &made.person, &ada_at_google()).await.unwrap();
    made
}

async fn set_status(app: &TestApp, person: &Entered, status: Status) {
    let from = Requester::default();
    app.services.users.set_status(person.id(), status, Authority::Operator, &from).await.unwrap();
}

#[tokio::test]
async fn a_disabled_account_is_entered_by_none_of_its_identities_until_it_is_enabled() {
    let app = app().await;
    let made = ada_twice(&app).await;
    set_status(&app, &made, Status::Disabled).await;
    for identity in [ada(), ada_at_google()] {
        let refused = enter(&app, &identity).await;
        assert!(matches!(refused, Err(IdentityError::Disabled)));
    }
    let refusals = events(&app, Action::SigninRefused).await;
    assert_eq!((refusals.len(), refusals[0].user_id), (2, Some(made.id())));
    set_status(&app, &made, Status::Active).await;
    for identity in [ada(), ada_at_google()] {
        let again = enter(&app, &identity).await.unwrap();
        assert!(is_live(&app, &again.person).await);
    }
}

#[tokio::test]
async fn roles_granted_and_revoked_are_in_the_next_session() {
    let app = app().await;
    let made = ada_twice(&app).await;
    let (role, from) = ("content-editor".parse().unwrap(), Requester::default());
    let services = &app.services;
    services.users.grant_role(made.id(), &role, Authority::Operator, &from).await.unwrap();
    for identity in [ada(), ada_at_google()] {
        assert!(enter(&app, &identity).await.unwrap().user.roles.contains(&role));
    }
    services.users.revoke_role(made.id(), &role, Authority::Operator, &from).await.unwrap();
    for identity in [ada(), ada_at_google()] {
        assert!(!enter(&app, &identity).await.unwrap().user.roles.contains(&role));
    }
}

#[tokio::test]
async fn signing_out_everywhere_leaves_a_way_to_a_session_that_lives() {
    let app = app().await;
    let made = ada_twice(&app).await;
    app.services.users.end_sessions(made.id(), Authority::Owner, &Requester::default()).await.unwrap();
    assert!(!is_live(&app, &made.person).await);
    for identity in [ada(), ada_at_google()] {
        let again = enter(&app, &identity).await.unwrap();
        assert!(is_live(&app, &again.person).await);
    }
}

#[tokio::test]
async fn the_identities_of_a_deleted_account_are_free_and_make_accounts_anew() {
    let app = app().await;
    let made = ada_twice(&app).await;
    let from = Requester::default();
    app.services.users.delete(made.id(), Authority::Operator, &from).await.unwrap();
    let [first, second] = [ada(), ada_at_google()];
    let first = enter(&app, &first).await.unwrap();
    assert!(first.created && first.id() != made.id());
    assert_eq!(first.user.identities.len(), 1);
    let second = enter(&app, &second).await.unwrap();
    assert!(second.created && second.id() != first.id());
}

//! Linking an identity while signed in.

use latchkey_core::account::{Authority, LinkError, LinkTicket, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_testkit::identities::{ada, ada_at_google, allow_link, enter, link, link_by, profiled};
use latchkey_testkit::people::{PASSWORD, events, grant, register};

use crate::app;

#[tokio::test]
async fn linking_what_is_linked_is_fine_and_linking_a_second_of_a_provider_is_not() {
    let app = app().await;
    let owner = register(&app, "ada@example.com").await;
    for _ in 0..2 {
        link(&app, &owner, &ada()).await.unwrap();
    }
    assert_eq!(events(&app, Action::IdentityLinked).await.len(), 1);
    let second = link(&app, &owner, &profiled("github", "1816", "ada2@example.com")).await;
    assert!(matches!(second, Err(LinkError::ProviderLinked)));
}

#[tokio::test]
async fn an_account_has_ten_identities_at_the_most() {
    let app = app().await;
    let owner = register(&app, "ada@example.com").await;
    for n in 0..10 {
        link(&app, &owner, &profiled(&format!("p{n}"), "1", "ada@example.com")).await.unwrap();
    }
    let eleventh = link(&app, &owner, &profiled("p10", "1", "ada@example.com")).await;
    assert!(matches!(eleventh, Err(LinkError::TooMany)));
    let id = owner.user_id();
    let from = Requester::default();
    app.services.users.set_status(id, Status::Disabled, Authority::Operator, &from).await.unwrap();
    for n in 0..10 {
        assert!(enter(&app, &profiled(&format!("p{n}"), "1", "ada@example.com")).await.is_err());
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_an_account_that_changed_since() {
    let app = app().await;
    let owner = register(&app, "ada@example.com").await;
    let ticket = allow_link(&app, &owner).await.unwrap();
    link(&app, &owner, &ada_at_google()).await.unwrap();
    let role = "content-editor".parse().unwrap();
    grant(&app, &owner, "content-editor").await;
    let user = link_by(&app, &ticket, &ada()).await.unwrap();
    assert_eq!(user.identities.len(), 2);
    for identity in [ada(), ada_at_google()] {
        let signed_in = enter(&app, &identity).await.unwrap().user;
        assert_eq!(signed_in, user, "every copy is the same");
        assert!(signed_in.roles.contains(&role));
    }
}

#[tokio::test]
async fn a_ticket_holds_no_secret_and_reads_back_as_written() {
    let app = app().await;
    let owner = register(&app, "ada@example.com").await;
    let ticket = allow_link(&app, &owner).await.unwrap();
    let text = serde_json::to_string(&ticket).unwrap();
    assert!(!text.contains(PASSWORD) && !text.contains(&owner.refresh));
    let read: LinkTicket = serde_json::from_str(&text).unwrap();
    assert_eq!(read, ticket);
    assert_eq!(ticket.user().to_string(), owner.id);
    assert_eq!(ticket.session().to_string(), owner.session);
}

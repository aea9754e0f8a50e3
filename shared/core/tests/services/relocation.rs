//! A provider that is pointed at another issuer: the operator moves the identities of the former one, or drops them.

use latchkey_core::account::{IssuerIdentities, Relocation, RelocationReport};
use latchkey_core::audit::Action;
use latchkey_core::oauth::{ExternalIdentity, Issuer};
use latchkey_testkit::TestApp;
use latchkey_testkit::identities::{ada, enter, enter_with, link, profiled, provider_token};
use latchkey_testkit::people::{events, register};
use latchkey_testkit::stored::assert_whole;

use crate::app;

fn issuer(text: &str) -> Issuer {
    text.parse().unwrap()
}

/// Ada as the new issuer names her.
fn ada_there() -> ExternalIdentity {
    ExternalIdentity { issuer: issuer("https://new.example"), ..ada() }
}

async fn relocate(app: &TestApp, to: Relocation<'_>) -> RelocationReport {
    let (provider, issuer) = (ada().provider, ada().issuer);
    let at = IssuerIdentities { provider: &provider, issuer: &issuer };
    app.services.relocation.relocate(at, to).await.unwrap()
}

#[tokio::test]
async fn moved_identities_sign_in_at_the_new_issuer_and_nowhere_else() {
    let app = app().await;
    let made = enter_with(&app, &ada(), Some(&provider_token("refresh"))).await.unwrap();
    let bob = register(&app, "bob@example.com").await;
    let other = profiled("google", "7", "bob@gmail.example");
    link(&app, &bob, &other).await.unwrap();

    let to = issuer("https://new.example");
    let moved = relocate(&app, Relocation::Move(&to)).await;
    assert_eq!(moved, RelocationReport { changed: 1, left: vec![] });
    assert_whole(&app, "after the move").await;
    // With a new name the account follows, so versions are as they must be.
    let renamed = ExternalIdentity { name: Some("Countess".to_owned()), ..ada_there() };
    let again = enter(&app, &renamed).await.unwrap();
    assert_eq!((again.id(), again.created), (made.id(), false));
    assert_whole(&app, "after the next sign-in").await;
    let stranger = ExternalIdentity { verified_email: Some("x@example.com".parse().unwrap()), ..ada() };
    let stranger = enter(&app, &stranger).await.unwrap();
    assert!(stranger.created, "the former issuer's word leads into no old account");
    let event = &events(&app, Action::IdentityMoved).await[0];
    assert_eq!((event.user_id, event.details["to"].as_str()), (Some(made.id()), "https://new.example"));
}

#[tokio::test]
async fn a_move_is_repeated_without_harm_and_leaves_who_has_another_account_there() {
    let app = app().await;
    let made = enter(&app, &ada()).await.unwrap();
    let there = ExternalIdentity { verified_email: Some("new@example.com".parse().unwrap()), ..ada_there() };
    let other = enter(&app, &there).await.unwrap();
    let to = issuer("https://new.example");
    for _ in 0..2 {
        let moved = relocate(&app, Relocation::Move(&to)).await;
        assert_eq!(moved, RelocationReport { changed: 0, left: vec![made.id()] });
    }
    assert_eq!(enter(&app, &there).await.unwrap().id(), other.id());
    assert_eq!(enter(&app, &ada()).await.unwrap().id(), made.id());
    assert_eq!(relocate(&app, Relocation::Move(&ada().issuer)).await, RelocationReport::default());
}

#[tokio::test]
async fn dropped_identities_are_gone_but_where_they_are_the_only_way_in() {
    let app = app().await;
    let sole = enter(&app, &ada()).await.unwrap();
    let owner = register(&app, "owner@example.com").await;
    let second = profiled("github", "2", "owner@hub.example");
    link(&app, &owner, &second).await.unwrap();
    let counts = app.services.relocation.count_issuers().await.unwrap();
    assert_eq!((counts.len(), counts[0].count, &counts[0].issuer), (1, 2, &ada().issuer));

    assert_eq!(
        relocate(&app, Relocation::Drop).await,
        RelocationReport { changed: 1, left: vec![sole.id()] }
    );
    assert_whole(&app, "afterwards").await;
    assert!(enter(&app, &second).await.unwrap().created, "it is free");
    assert_eq!(enter(&app, &ada()).await.unwrap().id(), sole.id());
    assert_eq!(events(&app, Action::IdentityUnlinked).await[0].details["issuer"], ada().issuer.as_str());
}

//! Sign-in with a provider: whose account it enters, and what proves it.

use std::sync::Arc;

use latchkey_core::SecretString;
use latchkey_core::account::{IdentityError, LinkError, RedeemError};
use latchkey_core::audit::Requester;
use latchkey_core::session::Opening;
use latchkey_testkit::identities::{allow_link, enter, issue_code, link_by, opening, redeem_code};
use latchkey_testkit::pkce::VERIFIER;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, credentials, external, link, open_app, sign_in, sign_up};
use tokio::task::JoinSet;

async fn code(app: &TestApp) -> SecretString {
    issue_code(app, &external("github", "1", "ada@example.com")).await.unwrap()
}

/// An attacker registers the victim's address and waits for the victim to come by a provider.
#[tokio::test]
async fn ghsa_g38m_r43w_p2q7_a_provider_leads_into_no_account_that_was_registered_before() {
    let app = open_app();
    let attacker = sign_up(&app, "victim@example.com").await;
    link(&app, &attacker, &external("discord", "666", "attacker@example.com")).await;
    let victim = enter(&app, &external("github", "1", "victim@example.com")).await.unwrap();
    assert!(victim.created);
    let victim = victim.user;
    assert_ne!(victim.id.to_string(), attacker.id);
    assert_eq!(victim.identities.len(), 1, "the attacker's way in is not the victim's");
    // Nothing of the attacker is left: account, password, session, identity.
    assert_eq!(app.services.users.find(attacker.id.parse().unwrap()).await.unwrap(), None);
    let session = app.send(TestRequest::get("/v1/session").bearer(&attacker.access)).await;
    assert_eq!(session.status, 401);
    let password = TestRequest::post("/v1/signin", &credentials("victim@example.com", PASSWORD));
    assert_eq!(app.send(password).await.code(), "invalid_credentials");
    let back = enter(&app, &external("discord", "666", "attacker@example.com")).await.unwrap();
    assert!(back.created);
    // Once the address is proved, no provider leads into the account.
    let refused = enter(&app, &external("google", "1", "victim@example.com")).await;
    assert!(matches!(refused, Err(IdentityError::AccountExists)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ghsa_7w99_5wm4_3g79_of_parallel_exchanges_of_a_code_one_succeeds() {
    let app = Arc::new(open_app());
    let code = code(&app).await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (app, code) = (Arc::clone(&app), code.clone());
        tasks.spawn(async move { redeem_code(&app, &code, VERIFIER).await.is_ok() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|success| *success).count(), 1);
}

#[tokio::test]
async fn cve_2025_46815_what_a_flow_proved_is_good_once() {
    let app = open_app();
    let first = code(&app).await;
    assert!(redeem_code(&app, &first, VERIFIER).await.is_ok());
    assert!(matches!(redeem_code(&app, &first, VERIFIER).await, Err(RedeemError::Invalid { .. })));
}

/// What allows a link names the account that began it, and links the very subject that the provider vouched for.
#[tokio::test]
async fn cve_2026_9087_a_link_is_bound_to_its_user_and_to_its_subject() {
    let app = open_app();
    let [ada, eve] = [sign_up(&app, "ada@example.com").await, sign_up(&app, "eve@example.com").await];
    let of_ada = allow_link(&app, &ada).await.unwrap();
    // Whoever brings the answer back, it is Ada's account that gets the identity.
    let identity = external("github", "ada's", "eve@example.com");
    let linked = link_by(&app, &of_ada, &identity).await.unwrap();
    assert_eq!(linked.id.to_string(), ada.id);
    let entered = enter(&app, &identity).await.unwrap();
    assert_eq!(entered.user.id.to_string(), ada.id);
    // The same address at the provider under another subject is nobody yet, and Ada's subject is not Eve's to take.
    let of_eve = allow_link(&app, &eve).await.unwrap();
    let taken = link_by(&app, &of_eve, &identity).await;
    assert!(matches!(taken, Err(LinkError::LinkedElsewhere)));
    let another = enter(&app, &external("github", "another", "eve@example.com")).await.unwrap();
    assert_ne!(another.user.id.to_string(), ada.id);
}

#[tokio::test]
async fn cve_2026_49757_and_asvs_6_8_1_nobody_is_found_by_an_e_mail_address() {
    let app = open_app();
    let ada = enter(&app, &external("github", "1", "ada@example.com")).await.unwrap().user;
    // The same subject elsewhere, and the same address under another subject.
    let elsewhere = enter(&app, &external("google", "1", "other@example.com")).await.unwrap().user;
    assert_ne!(elsewhere.id, ada.id);
    for stranger in [external("github", "2", "ada@example.com"), external("google", "2", "ada@example.com")] {
        assert!(matches!(enter(&app, &stranger).await, Err(IdentityError::AccountExists)));
    }
    // The same subject under another address, even under somebody's.
    let moved = enter(&app, &external("github", "1", "other@example.com")).await.unwrap().user;
    assert_eq!((moved.id, moved.email.as_str()), (ada.id, "ada@example.com"));
}

#[tokio::test]
async fn cve_2026_7507_a_sign_in_with_a_provider_begins_a_session_of_its_own() {
    let app = open_app();
    let planted = sign_up(&app, "eve@example.com").await;
    let replaces = Some((planted.id.parse().unwrap(), planted.session.parse().unwrap()));
    let who = external("github", "1", "ada@example.com");
    let from = Requester::default();
    let opening = Opening { replaces, ..opening(&from) };
    let ada = app.services.provider_sign_in.sign_in(&who, None, &opening).await.unwrap().signed_in;
    assert_ne!(ada.session.id.to_string(), planted.session);
    let old =
        app.send(TestRequest::get("/v1/authorize?signed_in=true&fresh=true").bearer(&planted.access)).await;
    assert_eq!(old.code(), "session_ended");
}

/// A provider is no place to guess passwords, so a lock does not close it; and it lifts no lock.
#[tokio::test]
async fn cve_2026_9798_a_sign_in_with_a_provider_forgets_no_wrong_password() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let who = external("github", "1", "user@example.com");
    link(&app, &user, &who).await;
    let guess =
        || app.send(TestRequest::post("/v1/signin", &credentials("user@example.com", "not this one")));
    for _ in 0..4 {
        assert_eq!(guess().await.code(), "invalid_credentials");
    }
    enter(&app, &who).await.unwrap();
    assert_eq!(guess().await.code(), "invalid_credentials");
    let right = TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD));
    assert_eq!(app.send(right.clone()).await.code(), "invalid_credentials", "the fifth counted");
    let entered = enter(&app, &who).await.unwrap();
    assert!(!entered.person.access.is_empty());
    assert_eq!(app.send(right).await.code(), "invalid_credentials");
    app.clock.advance(std::time::Duration::from_mins(15));
    sign_in(&app, "user@example.com").await;
}

//! Sign-in with a provider: whose account it enters, and what proves it.

use std::sync::Arc;

use latchkey_core::ExposeSecret;
use latchkey_core::account::{
    CodeOpening, IdentityError, LinkError, LinkTicket, ProviderSession, RedeemError, Redemption,
};
use latchkey_core::audit::Requester;
use latchkey_core::oauth::ExternalIdentity;
use latchkey_core::session::{Freshness, Opening, Transport};
use latchkey_core::{SessionId, UserId};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, Person, credentials, external, link, open_app, sign_in, sign_up};
use tokio::task::JoinSet;

async fn enter(app: &TestApp, who: &ExternalIdentity) -> Result<ProviderSession, IdentityError> {
    enter_from(app, who, None).await
}

/// Signs in from a browser that has this session.
async fn enter_from(
    app: &TestApp,
    who: &ExternalIdentity,
    replaces: Option<(UserId, SessionId)>,
) -> Result<ProviderSession, IdentityError> {
    let from = Requester::default();
    let opening = Opening { transport: Transport::Bearer, replaces, from: &from };
    app.services.provider_sign_in.sign_in(who, None, &opening).await
}

async fn ticket(app: &TestApp, of: &Person) -> LinkTicket {
    let live = app.services.sessions.authenticate(&of.access, Freshness::Fresh).await.unwrap();
    app.services.identities.allow(&live).unwrap()
}

async fn code(app: &TestApp) -> latchkey_core::SecretString {
    let (challenge, from) = (CHALLENGE.parse().unwrap(), Requester::default());
    let opening = CodeOpening { challenge: &challenge, redirect_to: "https://app.example.com/", from: &from };
    let who = external("github", "1", "ada@example.com");
    app.services.provider_sign_in.sign_in_for_code(&who, None, &opening).await.unwrap().code
}

async fn redeem(app: &TestApp, code: &latchkey_core::SecretString) -> Result<(), RedeemError> {
    let redemption = Redemption { code: code.clone(), verifier: VERIFIER.into(), redirect_to: None };
    let from = Requester::default();
    let opening = Opening { transport: Transport::Bearer, replaces: None, from: &from };
    app.services.provider_sign_in.redeem_code(&redemption, &opening).await.map(drop)
}

/// An attacker registers the victim's address and waits for the victim to come by a provider.
#[tokio::test]
async fn ghsa_g38m_r43w_p2q7_a_provider_leads_into_no_account_that_was_registered_before() {
    let app = open_app();
    let attacker = sign_up(&app, "victim@example.com").await;
    link(&app, &attacker, &external("discord", "666", "attacker@example.com")).await;
    let victim = enter(&app, &external("github", "1", "victim@example.com")).await.unwrap();
    assert!(victim.created);
    let victim = victim.signed_in.user;
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
        tasks.spawn(async move { redeem(&app, &code).await.is_ok() });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|success| *success).count(), 1);
}

#[tokio::test]
async fn cve_2025_46815_what_a_flow_proved_is_good_once() {
    let app = open_app();
    let first = code(&app).await;
    assert!(redeem(&app, &first).await.is_ok());
    assert!(matches!(redeem(&app, &first).await, Err(RedeemError::Invalid { .. })));
}

/// What allows a link names the account that began it, and links the very subject that the provider vouched for.
#[tokio::test]
async fn cve_2026_9087_a_link_is_bound_to_its_user_and_to_its_subject() {
    let app = open_app();
    let [ada, eve] = [sign_up(&app, "ada@example.com").await, sign_up(&app, "eve@example.com").await];
    let services = &app.services;
    let from = Requester::default();
    let of_ada = ticket(&app, &ada).await;
    // Whoever brings the answer back, it is Ada's account that gets the identity.
    let identity = external("github", "ada's", "eve@example.com");
    let linked = services.identities.link(&of_ada, &identity, None, &from).await.unwrap();
    assert_eq!(linked.id.to_string(), ada.id);
    let entered = enter(&app, &identity).await.unwrap();
    assert_eq!(entered.signed_in.user.id.to_string(), ada.id);
    // The same address at the provider under another subject is nobody yet, and Ada's subject is not Eve's to take.
    let of_eve = ticket(&app, &eve).await;
    let taken = services.identities.link(&of_eve, &identity, None, &from).await;
    assert!(matches!(taken, Err(LinkError::LinkedElsewhere)));
    let another = enter(&app, &external("github", "another", "eve@example.com")).await.unwrap().signed_in;
    assert_ne!(another.user.id.to_string(), ada.id);
}

#[tokio::test]
async fn cve_2026_49757_and_asvs_6_8_1_nobody_is_found_by_an_e_mail_address() {
    let app = open_app();
    let ada = enter(&app, &external("github", "1", "ada@example.com")).await.unwrap().signed_in.user;
    // The same subject elsewhere, and the same address under another subject.
    let elsewhere = enter(&app, &external("google", "1", "other@example.com")).await.unwrap().signed_in.user;
    assert_ne!(elsewhere.id, ada.id);
    for stranger in [external("github", "2", "ada@example.com"), external("google", "2", "ada@example.com")] {
        assert!(matches!(enter(&app, &stranger).await, Err(IdentityError::AccountExists)));
    }
    // The same subject under another address, even under somebody's.
    let moved = enter(&app, &external("github", "1", "other@example.com")).await.unwrap().signed_in.user;
    assert_eq!((moved.id, moved.email.as_str()), (ada.id, "ada@example.com"));
}

#[tokio::test]
async fn cve_2026_7507_a_sign_in_with_a_provider_begins_a_session_of_its_own() {
    let app = open_app();
    let planted = sign_up(&app, "eve@example.com").await;
    let replaces = Some((planted.id.parse().unwrap(), planted.session.parse().unwrap()));
    let who = external("github", "1", "ada@example.com");
    let ada = enter_from(&app, &who, replaces).await.unwrap().signed_in;
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
    let entered = enter(&app, &who).await.unwrap().signed_in;
    assert!(!entered.tokens.access_token.expose_secret().is_empty());
    assert_eq!(app.send(right).await.code(), "invalid_credentials");
    app.clock.advance(std::time::Duration::from_mins(15));
    sign_in(&app, "user@example.com").await;
}

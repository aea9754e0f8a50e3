//! First sign-ins of one identity, links of one identity to two accounts, the last ways in, one code: all at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use latchkey_core::account::{Authority, IdentityError, LinkError, RedeemError, Status};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::oauth::ExternalIdentity;
use latchkey_core::session::{Freshness, NewSession};
use latchkey_testkit::identities::{
    Entered, ada, allow_link, external, issue_code, link_by, profiled, redeem_code,
};
use latchkey_testkit::pkce::VERIFIER;
use latchkey_testkit::{TestApp, TestRequest};

use crate::support::{PASSWORD, Processes, bare, count, everywhere, signin_request, signup_request};

async fn enter(app: Arc<TestApp>, who: ExternalIdentity) -> Result<Entered, IdentityError> {
    latchkey_testkit::identities::enter(&app, &who).await
}

/// Links in a session that may have ended.
async fn link(app: &TestApp, access: &str, who: &ExternalIdentity) -> Result<(), LinkError> {
    let services = &app.services;
    let live = services.sessions.authenticate(access, Freshness::Fresh).await;
    let live = live.map_err(|_| LinkError::SessionEnded)?;
    let ticket = services.identities.allow(&live).unwrap();
    services.identities.link(&ticket, who, None, &Requester::default()).await.map(drop)
}

async fn assert_whole(processes: &Processes) {
    latchkey_testkit::stored::assert_whole(processes.first(), processes.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_sign_ins_one_makes_the_account_and_all_are_signed_in() {
    everywhere(|processes| Box::pin(first_sign_ins(processes))).await;
}

async fn first_sign_ins(processes: Processes) {
    let entered = processes.times_at_once(32, |app, _| enter(app, ada())).await;
    let entered: Vec<_> = entered.into_iter().map(Result::unwrap).collect();
    assert_eq!(entered.iter().filter(|entered| entered.created).count(), 1, "{}", processes.name);
    let users: BTreeSet<_> = entered.iter().map(Entered::id).collect();
    assert_eq!(users.len(), 1, "{}", processes.name);
    let user = &entered[0].user;
    assert_eq!(processes.first().services.sessions.list(user).await.unwrap().len(), 32, "{}", processes.name);
    assert_eq!(processes.events(Action::SignupSucceeded).await.len(), 1);
    assert_eq!(processes.events(Action::SigninSucceeded).await.len(), 31);
    assert!(processes.events(Action::SignupRefused).await.is_empty(), "nobody met a stranger");
    assert_whole(&processes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_address_makes_one_account_by_whatever_way() {
    everywhere(|processes| Box::pin(ways_to_one_address(processes))).await;
}

async fn ways_to_one_address(processes: Processes) {
    let providers = ["github", "google", "discord", "linkedin"];
    let entered = processes.times_at_once(16, |app, n| async move {
        if n % 2 == 0 {
            return app.send(signup_request("ada@example.com")).await.status == 201;
        }
        match enter(app, external(providers[n / 2 % 4], "1", "ada@example.com")).await {
            Ok(entered) => entered.created,
            Err(IdentityError::AccountExists) => false,
            Err(other) => panic!("{other}"),
        }
    });
    let made: Vec<_> = entered.await;
    let by_provider = made.iter().skip(1).step_by(2).filter(|made| **made).count();
    let by_password = made.iter().step_by(2).filter(|made| **made).count();
    assert_eq!(by_provider, 1, "{}", processes.name);
    assert!(by_password <= 1, "one that was first gave way: {}", processes.name);
    let users = processes.first().services.users.list(10, None).await.unwrap().users;
    assert_eq!((users.len(), users[0].email_verified), (1, true), "{}", processes.name);
    assert_eq!(processes.events(Action::UserDisplaced).await.len(), by_password, "{}", processes.name);
    assert_whole(&processes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_account_gives_way_whatever_is_done_to_it_at_that_moment() {
    everywhere(|processes| Box::pin(giving_way(processes))).await;
}

async fn giving_way(processes: Processes) {
    processes.first().services.roles.init().await.unwrap();
    for round in 0..4 {
        let email = format!("ada{round}@example.com");
        let squatter = processes.sign_up(&email).await;
        let id = squatter.id.parse().unwrap();
        let entered = processes
            .times_at_once(10, |app, n| {
                let (email, squatter) = (email.clone(), squatter.clone());
                let who = external(["github", "google"][n % 2], &format!("{round}"), &email);
                async move {
                    let (services, from) = (&app.services, Requester::default());
                    let role = "content-editor".parse().unwrap();
                    match n {
                        0..4 => {
                            return enter(Arc::clone(&app), who).await.is_ok_and(|entered| entered.created);
                        }
                        4..6 => drop(app.send(signin_request(&email, PASSWORD)).await),
                        6 => drop(services.users.grant_role(id, &role, Authority::Operator, &from).await),
                        7 => {
                            drop(
                                services
                                    .users
                                    .set_status(id, Status::Disabled, Authority::Operator, &from)
                                    .await,
                            );
                        }
                        8 => drop(
                            link(&app, &squatter.access, &external("discord", &squatter.id, "x@x.example"))
                                .await,
                        ),
                        _ => drop(services.users.delete(id, Authority::Operator, &from).await),
                    }
                    false
                }
            })
            .await;
        assert_eq!(entered.into_iter().filter(|made| *made).count(), 1, "{}", processes.name);
        let services = &processes.first().services;
        let heir = services.users.find_by_email(&email.parse().unwrap()).await.unwrap().unwrap();
        assert!(heir.email_verified && heir.is_active() && heir.id != id, "{}", processes.name);
        assert_eq!(heir.roles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["user"]);
        assert_eq!(services.users.find(id).await.unwrap(), None, "{}", processes.name);
        // As of now: another process may have done it.
        let fresh = TestRequest::get("/v1/authorize?signed_in=true&fresh=true").bearer(&squatter.access);
        assert_eq!(processes.first().send(fresh).await.status, 401, "{}", processes.name);
        assert_whole(&processes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn namesakes_get_a_handle_each() {
    everywhere(|processes| Box::pin(namesakes(processes))).await;
}

async fn namesakes(processes: Processes) {
    let entered = processes.times_at_once(24, |app, n| {
        enter(app, profiled("github", &n.to_string(), &format!("ada{n}@example.com")))
    });
    let handles: BTreeSet<_> =
        entered.await.into_iter().map(|entered| entered.unwrap().user.handle.unwrap()).collect();
    assert_eq!(handles.len(), 24, "{}", processes.name);
    assert!(handles.contains(&"adalovelace".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_identity_that_two_accounts_link_at_once_is_one_accounts() {
    everywhere(|processes| Box::pin(one_identity_two_accounts(processes))).await;
}

async fn one_identity_two_accounts(processes: Processes) {
    for round in 0..6 {
        let two = ["a", "b"].map(|who| format!("{who}{round}@example.com"));
        let people = [processes.sign_up(&two[0]).await, processes.sign_up(&two[1]).await];
        let identity = external("github", &format!("contested {round}"), "ada@example.com");
        let linked = processes
            .times_at_once(8, |app, n| {
                let (access, identity) = (people[n % 2].access.clone(), identity.clone());
                async move { link(&app, &access, &identity).await }
            })
            .await;
        let owner = enter(processes.any(), identity).await.unwrap().id().to_string();
        for (n, linked) in linked.into_iter().enumerate() {
            match linked {
                Ok(()) => assert_eq!(people[n % 2].id, owner, "{}", processes.name),
                Err(LinkError::LinkedElsewhere) => assert_ne!(people[n % 2].id, owner, "{}", processes.name),
                Err(other) => panic!("{}: {other}", processes.name),
            }
        }
        assert_whole(&processes).await;
    }
    assert_eq!(processes.events(Action::IdentityLinked).await.len(), 6, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_the_last_two_ways_in_one_stays() {
    everywhere(|processes| Box::pin(last_ways_in(processes))).await;
}

async fn last_ways_in(processes: Processes) {
    for round in 0..6 {
        let [github, google] =
            ["github", "google"].map(|p| external(p, &round.to_string(), &format!("ada{round}@example.com")));
        let ada = enter(processes.any(), github).await.unwrap().person;
        link(processes.first(), &ada.access, &google).await.unwrap();
        let unlink = |provider| bare("DELETE", &format!("/v1/identities/{provider}"), &ada);
        let answers = processes.at_once(vec![unlink("github"), unlink("google")]).await;
        let gone = answers.iter().filter(|answer| answer.status == 204).count();
        assert_eq!((gone, count(&answers, 409, "last_way_in")), (1, 1), "{}", processes.name);
        assert_whole(&processes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn links_of_several_providers_at_once_are_all_kept() {
    everywhere(|processes| Box::pin(several_links(processes))).await;
}

async fn several_links(processes: Processes) {
    let ada = processes.sign_up("ada@example.com").await;
    let linked = processes.times_at_once(4, |app, n| {
        let access = ada.access.clone();
        async move { link(&app, &access, &external(&format!("p{n}"), "1", "ada@example.com")).await }
    });
    assert!(linked.await.iter().all(Result::is_ok), "{}", processes.name);
    let user = processes.first().services.users.find(ada.user_id()).await.unwrap().unwrap();
    assert_eq!(user.identities.len(), 4, "{}", processes.name);
    assert_whole(&processes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_gives_one_session_however_many_exchange_it_and_their_number_ends_it() {
    everywhere(|processes| Box::pin(one_code(processes))).await;
}

async fn one_code(processes: Processes) {
    let code = issue_code(processes.first(), &ada()).await.unwrap();
    let redeemed = processes.times_at_once(32, |app, _| {
        let code = code.clone();
        async move { redeem_code(&app, &code, VERIFIER).await }
    });
    let (good, bad): (Vec<_>, Vec<_>) = redeemed.await.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 31), "{}", processes.name);
    assert!(
        bad.iter().all(|answer| matches!(answer, Err(RedeemError::Invalid { .. }))),
        "{}",
        processes.name
    );
    assert_eq!(processes.events(Action::SigninSucceeded).await.len(), 1, "{}", processes.name);
    let NewSession { user, session, .. } = good[0].as_ref().unwrap();
    assert_eq!(processes.first().services.sessions.list(user).await.unwrap(), [], "{}", processes.name);
    let replayed = processes.events(Action::CodeReplayed).await;
    assert_eq!(replayed.len(), 1, "{}", processes.name);
    assert_eq!(replayed[0].resource, Some(format!("session:{}", session.id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_of_a_disabled_account_lives_whichever_came_first() {
    everywhere(|processes| Box::pin(disabled_meanwhile(processes))).await;
}

async fn disabled_meanwhile(processes: Processes) {
    for round in 0..6 {
        let who = external("github", &round.to_string(), &format!("ada{round}@example.com"));
        let id = enter(processes.any(), who.clone()).await.unwrap().id();
        let entered = processes.times_at_once(5, |app, n| {
            let who = who.clone();
            async move {
                if n == 2 {
                    let (services, from) = (&app.services, Requester::default());
                    services
                        .users
                        .set_status(id, Status::Disabled, Authority::Operator, &from)
                        .await
                        .unwrap();
                    return None;
                }
                match enter(app, who).await {
                    Ok(entered) => Some(entered.person),
                    Err(IdentityError::Disabled) => None,
                    Err(other) => panic!("{other}"),
                }
            }
        });
        for person in entered.await.into_iter().flatten() {
            let answer =
                processes.send(bare("GET", "/v1/authorize?signed_in=true&fresh=true", &person)).await;
            assert_eq!(answer.status, 401, "{}", processes.name);
        }
        assert_whole(&processes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_while_others_sign_in_link_and_rename_leaves_nothing_behind() {
    everywhere(|processes| Box::pin(deleted_meanwhile(processes))).await;
}

async fn deleted_meanwhile(processes: Processes) {
    for round in 0..6 {
        let email = format!("ada{round}@example.com");
        let [who, other] = ["github", "google"].map(|p| external(p, &format!("{round}"), &email));
        let ada = enter(processes.any(), who.clone()).await.unwrap();
        let id = ada.id();
        let ticket = allow_link(processes.first(), &ada.person).await.unwrap();
        processes
            .times_at_once(4, |app, n| {
                let (who, other, ticket) = (who.clone(), other.clone(), ticket.clone());
                async move {
                    let (services, from) = (&app.services, Requester::default());
                    match n {
                        0 => services.users.delete(id, Authority::Operator, &from).await.unwrap(),
                        1 => drop(link_by(&app, &ticket, &other).await),
                        2 => {
                            let renamed = ExternalIdentity { name: Some("Ada".to_owned()), ..who };
                            drop(enter(Arc::clone(&app), renamed).await);
                        }
                        _ => drop(enter(Arc::clone(&app), who).await),
                    }
                }
            })
            .await;
        let services = &processes.first().services;
        assert_eq!(services.users.find(id).await.unwrap(), None, "{}", processes.name);
        for identity in [who, other] {
            // Made anew or refused for its address, but never an identity of the account that is gone.
            match enter(processes.any(), identity).await {
                Ok(entered) => assert_ne!(entered.id(), id, "{}", processes.name),
                Err(IdentityError::AccountExists) => {}
                Err(other) => panic!("{}: {other}", processes.name),
            }
        }
        assert_whole(&processes).await;
    }
}

//! Refreshes of one token at once, and signing out everywhere beside signing in.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_testkit::TestRequest;

use crate::support::{PASSWORD, Person, Processes, bare, count, everywhere, refresh_request, signin_request};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_refreshes_of_one_token_get_one_successor() {
    everywhere(|processes| Box::pin(refreshes(processes))).await;
}

async fn refreshes(processes: Processes) {
    let mut ada = processes.sign_up("ada@example.com").await;
    for _ in 0..4 {
        let answers = processes.at_once(vec![refresh_request(&ada.refresh); 50]).await;
        let successors: BTreeSet<_> = answers.iter().map(|answer| Person::read(answer).refresh).collect();
        assert_eq!(successors.len(), 1, "{}", processes.name);
        assert!(!successors.contains(&ada.refresh));
        ada = Person::read(&answers[0]);
        // Further than the window, so that the token before is a used one for good.
        processes.clock().advance(Duration::from_mins(1));
    }
    assert!(processes.events(Action::TokenReused).await.is_empty(), "{}", processes.name);
    assert_eq!(processes.send(bare("GET", "/v1/session", &ada)).await.status, 200);
    assert_eq!(processes.send(refresh_request(&ada.refresh)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_uses_of_a_stolen_token_end_the_session_once() {
    everywhere(|processes| Box::pin(reuses(processes))).await;
}

async fn reuses(processes: Processes) {
    let stolen = processes.sign_up("ada@example.com").await;
    let next = Person::read(&processes.send(refresh_request(&stolen.refresh)).await);
    let owner = Person::read(&processes.send(refresh_request(&next.refresh)).await);
    processes.clock().advance(Duration::from_secs(11));
    // The owner refreshes meanwhile: before the end of the session or after it, never past it.
    let mut requests = vec![refresh_request(&stolen.refresh); 50];
    requests.push(refresh_request(&owner.refresh));
    let answers = processes.at_once(requests).await;
    assert_eq!(count(&answers[..50], 401, "invalid_refresh_token"), 50, "{}", processes.name);
    assert_eq!(processes.events(Action::TokenReused).await.len(), 1, "{}", processes.name);
    let latest = match answers[50].status.as_u16() {
        200 => Person::read(&answers[50]),
        _ => owner,
    };
    assert_eq!(processes.send(refresh_request(&latest.refresh)).await.status, 401, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_ends_once_however_many_end_it() {
    everywhere(|processes| Box::pin(sign_outs(processes))).await;
}

async fn sign_outs(processes: Processes) {
    let ada = processes.sign_up("ada@example.com").await;
    let mut requests = vec![bare("POST", "/v1/signout", &ada); 10];
    requests.extend(vec![refresh_request(&ada.refresh); 10]);
    let answers = processes.at_once(requests).await;
    assert!(answers[..10].iter().any(|answer| answer.status == 204), "{}", processes.name);
    assert!(answers.iter().all(|answer| [200, 204, 401].contains(&answer.status.as_u16())));
    // A refresh that was on its way does not bring the session back.
    for answer in &answers[10..] {
        if answer.status == 200 {
            let next = Person::read(answer);
            assert_eq!(
                processes.send(refresh_request(&next.refresh)).await.status,
                401,
                "{}",
                processes.name
            );
        }
    }
    assert_eq!(processes.events(Action::SessionRevoked).await.len(), 1, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_signs_in_while_signing_out_everywhere_is_in_or_out_but_not_both() {
    everywhere(|processes| Box::pin(everywhere_and_in(processes))).await;
}

async fn everywhere_and_in(processes: Processes) {
    for round in 0..6 {
        let email = format!("ada{round}@example.com");
        let ada = processes.sign_up(&email).await;
        let mut requests: Vec<TestRequest> = vec![bare("POST", "/v1/signout/all", &ada)];
        requests.extend(vec![signin_request(&email, PASSWORD); 7]);
        let answers = processes.at_once(requests).await;
        assert_eq!(answers[0].status, 204, "{}", processes.name);
        assert_eq!(processes.send(refresh_request(&ada.refresh)).await.status, 401);
        let mut alive = 0;
        for answer in &answers[1..] {
            let person = Person::read(answer);
            let refreshed = processes.send(refresh_request(&person.refresh)).await;
            let as_of_now = bare("GET", "/v1/authorize?signed_in=true&fresh=true", &person);
            let shown = processes.send(as_of_now).await;
            assert_eq!(refreshed.status == 200, shown.status == 204, "{}", processes.name);
            alive += usize::from(refreshed.status == 200);
        }
        // Who is in after it counts as signed in after it: they are what a listing shows.
        let last = Person::read(&processes.send(signin_request(&email, PASSWORD)).await);
        let listed = processes.send(bare("GET", "/v1/sessions", &last)).await.json();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), alive + 1, "{}", processes.name);
    }
}

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::json;

use crate::support::{AT_ONCE, Answer, Service, fresh, together};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_sign_ups_with_one_address_100_at_once_one_makes_the_account() {
    let (service, email) = (Service::new(), fresh("race"));
    let (mut answers, mut waves) = (Vec::new(), 0);
    while answers.len() < 200 {
        let wave = together((answers.len()..200).take(AT_ONCE).map(|_| {
            let (service, email) = (service.clone(), email.clone());
            async move { service.sign_up(&email).await }
        }));
        // Who finds no place for their hash is told to come again, and does so with all the others.
        let busy = |answer: &Answer| answer.status == StatusCode::SERVICE_UNAVAILABLE;
        let (refused, done): (Vec<_>, Vec<_>) = wave.await.into_iter().partition(busy);
        assert!(!done.is_empty());
        for answer in &refused {
            answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        }
        answers.extend(done);
        waves += 1;
    }
    println!("200 sign-ups took {waves} waves");
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT).count();
    assert_eq!((made, taken), (1, 199));
    assert!(answers.iter().all(|a| a.status == StatusCode::CREATED || a.text("code") == "email_taken"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_refreshes_with_one_token_all_get_the_same_successor() {
    let service = Service::new();
    let begun = service.sign_up(&fresh("refresh")).await;
    let token = begun.text("refresh_token").to_owned();
    let answers = together((0..50).map(|_| {
        let (service, token) = (service.clone(), token.clone());
        async move { service.post("/v1/token/refresh", json!({ "refresh_token": token })).await }
    }))
    .await;
    let successors: BTreeSet<_> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
    assert_eq!(successors.len(), 1);
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
}

//! The service over DynamoDB while requests fail: every change with a response has happened, and has happened
//! once.

use std::iter::repeat_n;
use std::time::Duration;

use latchkey_core::audit::Action;
use latchkey_testkit::{TestApp, TestRequest};

use crate::proxy::Fault;
use crate::support::{PASSWORD, Pair, Person, Stage, bare, is_unavailable, refresh, signin, signup};

/// Responses of DynamoDB after which it has done nothing.
const REFUSALS: [Fault; 8] = [
    Fault::Answers(400, "ThrottlingException"),
    Fault::Answers(400, "ProvisionedThroughputExceededException"),
    Fault::Answers(400, "RequestLimitExceeded"),
    Fault::Answers(500, "InternalServerError"),
    Fault::Answers(503, "ServiceUnavailable"),
    Fault::Canceled("TransactionConflict"),
    Fault::Canceled("ThrottlingError"),
    Fault::HangsUp,
];

/// Faults that leave the outcome unknown.
const DOUBTS: [Fault; 2] = [Fault::AnswerLost, Fault::Garbage];

async fn accounts(pair: &Pair) -> usize {
    pair.witness.services.users.list(100, None).await.unwrap().users.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_gets_through_after_three_failures() {
    let pair = Pair::new().await;
    for (n, fault) in REFUSALS.into_iter().chain(DOUBTS).enumerate() {
        let email = format!("person{n}@example.com");
        pair.proxy().add(repeat_n(fault.clone(), 3));
        let answer = pair.app.send(signup(&email)).await;
        assert_eq!(answer.status, 201, "{fault:?}: {}", answer.json());
        assert_eq!(pair.proxy().operations(), ["TransactWriteItems"; 4], "{fault:?}");
        assert_eq!(accounts(&pair).await, n + 1, "{fault:?}");
        assert_eq!(pair.events(Action::SignupSucceeded).await, n + 1, "{fault:?}");
        assert_eq!(pair.events(Action::SignupRefused).await, 0, "{fault:?}");
        assert_eq!(pair.witness.send(signin(&email, PASSWORD)).await.status, 200, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_recover_is_a_503_after_four_attempts() {
    for fault in REFUSALS {
        let pair = Pair::new().await;
        pair.proxy().add(repeat_n(fault.clone(), 4));
        assert!(is_unavailable(&pair.app.send(signup("ada@example.com")).await), "{fault:?}");
        assert_eq!(pair.proxy().operations(), ["TransactWriteItems"; 4], "{fault:?}");
        assert_eq!(accounts(&pair).await, 0, "{fault:?}");
        // The service works as soon as the store does.
        assert_eq!(pair.app.send(signup("ada@example.com")).await.status, 201, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_whose_answers_are_all_lost_was_made_once() {
    for fault in DOUBTS {
        let pair = Pair::new().await;
        pair.proxy().add(repeat_n(fault.clone(), 4));
        assert!(is_unavailable(&pair.app.send(signup("ada@example.com")).await), "{fault:?}");
        assert_eq!(pair.app.send(signup("ada@example.com")).await.code(), "email_taken", "{fault:?}");
        assert_eq!((accounts(&pair).await, pair.events(Action::SignupSucceeded).await), (1, 1), "{fault:?}");
        assert_eq!(pair.app.send(signin("ada@example.com", PASSWORD)).await.status, 200, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_changes_nothing_about_any_operation() {
    for fault in DOUBTS {
        for lost in 1..=3 {
            let pair = Pair::new().await;
            let ada = pair.sign_up("ada@example.com").await;
            let send = async |request: TestRequest, reads: usize| {
                // Only the response to the write, which comes last, is lost.
                pair.proxy().add(repeat_n(None, reads).chain(repeat_n(Some(fault.clone()), lost)));
                let answer = pair.app.send(request).await;
                assert!(answer.status.is_success(), "{fault:?}, {lost} times: {}", answer.json());
                answer
            };
            let again = Person::read(&send(signin("ada@example.com", PASSWORD), 1).await);
            assert_eq!(pair.events(Action::SigninSucceeded).await, 1, "{fault:?}, {lost} times");
            pair.proxy().take();
            let next = Person::read(&send(refresh(&ada.refresh), 1).await);
            let mut expected = vec!["BatchGetItem"];
            expected.extend(repeat_n("PutItem", 1 + lost));
            assert_eq!(pair.proxy().operations(), expected, "{fault:?}");
            assert_ne!(next.refresh, ada.refresh);
            let same = Person::read(&pair.witness.send(refresh(&ada.refresh)).await);
            assert_eq!(same.refresh, next.refresh, "one successor: {fault:?}, {lost} times");
            send(bare("POST", "/v1/signout", &again), 2).await;
            assert_eq!(pair.events(Action::SessionRevoked).await, 1, "{fault:?}, {lost} times");
            assert_eq!(pair.witness.send(refresh(&again.refresh)).await.status, 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    let stage = Stage::with(|settings| settings.attempt_timeout = Duration::from_millis(500)).await;
    let pair = Pair::on(stage, TestApp::builder).await;
    pair.proxy().add([Fault::Silent]);
    assert_eq!(pair.app.send(signup("ada@example.com")).await.status, 201);
    assert_eq!((accounts(&pair).await, pair.events(Action::SignupSucceeded).await), (1, 1));
    // A read is retried too.
    pair.proxy().add([Fault::Silent]);
    assert_eq!(pair.app.send(signin("ada@example.com", PASSWORD)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_meets_another_transaction_is_told_what_it_did() {
    let pair = Pair::new().await;
    pair.sign_up("ada@example.com").await;
    pair.proxy().add([Fault::Canceled("TransactionConflict")]);
    assert_eq!(pair.app.send(signup("ada@example.com")).await.code(), "email_taken");
    let eve = pair.sign_up("eve@example.com").await;
    pair.proxy().add([None, Some(Fault::Answers(400, "TransactionConflictException"))]);
    assert_eq!(pair.app.send(refresh(&eve.refresh)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ended_while_it_was_idle_costs_no_attempt() {
    let pair = Pair::new().await;
    pair.sign_up("ada@example.com").await;
    for _ in 0..5 {
        pair.proxy().disconnect().await;
        pair.proxy().take();
        assert_eq!(pair.app.send(signin("ada@example.com", PASSWORD)).await.status, 200);
        assert_eq!(pair.proxy().operations(), ["GetItem", "TransactWriteItems"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_known_session_goes_on_without_the_store() {
    let pair = Pair::new().await;
    let ada = pair.sign_up("ada@example.com").await;
    let check = || bare("GET", "/v1/authorize?permission=products:read", &ada);
    assert_eq!(pair.app.send(check()).await.status, 204);
    pair.proxy().add(repeat_n(Fault::HangsUp, 100));
    assert_eq!(pair.app.send(check()).await.status, 204);
    pair.clock.advance(Duration::from_mins(1));
    assert!(is_unavailable(&pair.app.send(check()).await));
    pair.proxy().clear();
    assert_eq!(pair.app.send(check()).await.status, 204);
}

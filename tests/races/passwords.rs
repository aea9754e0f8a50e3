//! Wrong passwords at once are never tried more often than the lockout allows, and a right one among them has its place in the
//! row.

use std::time::Duration;

use latchkey_core::account::{FAILURES_PER_LOCK, Login, MAX_DEVICE_FAILURES, MAX_FAILURES};
use latchkey_core::audit::Action;
use latchkey_core::port::Clock as _;
use latchkey_testkit::TestRequest;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Processes, count, device_cookie, everywhere, signin_request};

const EMAIL: &str = "ada@example.com";

/// The lockout as it is stored.
async fn lockout(processes: &Processes) -> Value {
    let app = processes.first();
    let key = Login::key(&EMAIL.parse().unwrap());
    let items = app.services.ports.table.get(&[key], app.clock.now()).await.unwrap();
    items[0].as_ref().unwrap().decode::<Value>().unwrap()["credential"]["lockout"].clone()
}

/// How many wrong passwords were tried, by the audit log.
async fn tried(processes: &Processes) -> usize {
    let mut tried = 0;
    for action in [Action::SigninFailed, Action::SigninLocked, Action::SigninStopped] {
        tried += processes.events(action).await.len();
    }
    tried
}

fn wrong() -> TestRequest {
    signin_request(EMAIL, "not the right one")
}

fn right() -> TestRequest {
    signin_request(EMAIL, PASSWORD)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_wrong_passwords_five_are_tried() {
    everywhere(|processes| Box::pin(guesses(processes))).await;
}

async fn guesses(processes: Processes) {
    processes.sign_up(EMAIL).await;
    let answers = processes.at_once(vec![wrong(); 50]).await;
    assert_eq!(count(&answers, 401, "invalid_credentials"), 50, "{}", processes.name);
    assert_eq!(lockout(&processes).await["failures"], FAILURES_PER_LOCK, "{}", processes.name);
    assert_eq!(processes.send(right()).await.code(), "invalid_credentials");
    assert_eq!(processes.events(Action::SigninLocked).await.len(), 1, "{}", processes.name);
    assert_eq!(processes.events(Action::SigninFailed).await.len(), 4, "{}", processes.name);
    assert_eq!(processes.events(Action::SigninRefused).await.len(), 46, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waves_of_wrong_passwords_end_after_a_hundred() {
    everywhere(|processes| Box::pin(waves(processes))).await;
}

async fn waves(processes: Processes) {
    processes.sign_up(EMAIL).await;
    for wave in 1..=25 {
        processes.at_once(vec![wrong(); 8]).await;
        let failures = (wave * FAILURES_PER_LOCK).min(MAX_FAILURES);
        assert_eq!(lockout(&processes).await["failures"], failures, "{} {wave}", processes.name);
        processes.clock().advance(Duration::from_hours(24));
    }
    let answers = processes.at_once([vec![wrong(); 4], vec![right(); 4]].concat()).await;
    assert_eq!(count(&answers, 401, "invalid_credentials"), 8, "{}", processes.name);
    assert_eq!(tried(&processes).await, MAX_FAILURES as usize, "{}", processes.name);
    assert_eq!(processes.events(Action::SigninStopped).await.len(), 1, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fewer_wrong_passwords_are_each_counted() {
    everywhere(|processes| Box::pin(few(processes))).await;
}

async fn few(processes: Processes) {
    processes.sign_up(EMAIL).await;
    processes.at_once(vec![wrong(); 4]).await;
    assert_eq!(lockout(&processes).await["failures"], 4, "{}", processes.name);
    assert_eq!(processes.send(right()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_password_among_wrong_ones_has_its_place_in_the_row() {
    everywhere(|processes| Box::pin(mixed(processes))).await;
}

async fn mixed(processes: Processes) {
    processes.sign_up(EMAIL).await;
    for _ in 0..8 {
        // Four are counted, so that the fifth locks and a right one resets.
        processes.clock().advance(Duration::from_hours(24));
        assert_eq!(processes.send(right()).await.status, 200, "a clean start");
        for _ in 0..4 {
            assert_eq!(processes.send(wrong()).await.status, 401);
        }
        let answers = processes.at_once(vec![wrong(), right()]).await;
        assert_eq!(answers[0].code(), "invalid_credentials", "{}", processes.name);
        let after = lockout(&processes).await;
        match answers[1].status.as_u16() {
            // First the right one, which reset the count; then the wrong one, which counts one.
            200 => assert_eq!(after["failures"], 1, "{}: {after}", processes.name),
            // First the wrong one, which locked: the right one is told the same.
            401 => {
                assert_eq!(answers[1].code(), "invalid_credentials", "{}", processes.name);
                assert_eq!(after["failures"], FAILURES_PER_LOCK, "{}: {after}", processes.name);
            }
            _ => panic!("{}: {}", processes.name, answers[1].json()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_password_with_the_hundredth_wrong_one_is_before_the_stop_or_after_it() {
    everywhere(|processes| Box::pin(last(processes))).await;
}

async fn last(processes: Processes) {
    processes.sign_up(EMAIL).await;
    for wave in 1..=20 {
        processes.clock().advance(Duration::from_hours(24));
        let wrongs = if wave < 20 { 5 } else { 4 };
        for _ in 0..wrongs {
            processes.send(wrong()).await;
        }
    }
    assert_eq!(lockout(&processes).await["failures"], MAX_FAILURES - 1, "{}", processes.name);
    let answers = processes.at_once([vec![wrong(); 6], vec![right(); 2]].concat()).await;
    let signed_in = answers.iter().filter(|answer| answer.status == 200).count();
    let stopped = processes.events(Action::SigninStopped).await.len();
    let after = lockout(&processes).await;
    match signed_in {
        // The hundredth wrong one came first.
        0 => assert_eq!((stopped, &after["failures"]), (1, &json!(MAX_FAILURES)), "{}", processes.name),
        // A right one came first, and a row began anew.
        _ => assert_eq!(stopped, 0, "{}: {after}", processes.name),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copied_device_cookie_is_tried_ten_times_however_many_use_it_at_once() {
    everywhere(|processes| Box::pin(devices(processes))).await;
}

async fn devices(processes: Processes) {
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    let made = processes.send(TestRequest::post("/v1/signup", &body)).await;
    let device = device_cookie(&made);
    processes.at_once(vec![wrong(); 20]).await;
    let before = tried(&processes).await;
    assert_eq!(before, FAILURES_PER_LOCK as usize, "{}", processes.name);
    let guess = wrong().header("cookie", &device);
    let answers = processes.at_once(vec![guess; 40]).await;
    assert_eq!(count(&answers, 401, "invalid_credentials"), 40, "{}", processes.name);
    assert_eq!(tried(&processes).await - before, MAX_DEVICE_FAILURES as usize, "{}", processes.name);
    assert_eq!(lockout(&processes).await["failures"], FAILURES_PER_LOCK, "the account's own row");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_passwords_at_once_all_sign_in() {
    everywhere(|processes| Box::pin(rights(processes))).await;
}

async fn rights(processes: Processes) {
    processes.sign_up(EMAIL).await;
    processes.send(wrong()).await;
    let answers = processes.at_once(vec![right(); 20]).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 20, "{}", processes.name);
    assert_eq!(lockout(&processes).await["failures"], 0, "{}", processes.name);
}

//! Wrong passwords at once never count more than the lockout allows, and a right one among them has its place in the row.

use latchkey_core::account::{Login, MAX_FAILURES};
use latchkey_core::audit::Action;
use latchkey_core::port::Clock as _;
use serde_json::Value;

use crate::support::{PASSWORD, Processes, count, everywhere, signin_request};

const EMAIL: &str = "ada@example.com";

/// The lockout as it is stored.
async fn lockout(processes: &Processes) -> Value {
    let app = processes.first();
    let key = Login::key(&EMAIL.parse().unwrap());
    let items = app.services.ports.table.get(&[key], app.clock.now()).await.unwrap();
    items[0].as_ref().unwrap().decode::<Value>().unwrap()["credential"]["lockout"].clone()
}

fn wrong() -> latchkey_testkit::TestRequest {
    signin_request(EMAIL, "not the right one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_wrong_passwords_count_five_times() {
    everywhere(|processes| Box::pin(guesses(processes))).await;
}

async fn guesses(processes: Processes) {
    processes.sign_up(EMAIL).await;
    let answers = processes.at_once(vec![wrong(); 50]).await;
    assert_eq!(count(&answers, 401, "invalid_credentials"), 50, "{}", processes.name);
    assert_eq!(lockout(&processes).await["failures"], MAX_FAILURES, "{}", processes.name);
    let answer = processes.send(signin_request(EMAIL, PASSWORD)).await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("account_locked", "900"));
    assert_eq!(processes.events(Action::SigninLocked).await.len(), 1, "{}", processes.name);
    assert_eq!(processes.events(Action::SigninFailed).await.len(), 49, "{}", processes.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fewer_wrong_passwords_are_each_counted() {
    everywhere(|processes| Box::pin(few(processes))).await;
}

async fn few(processes: Processes) {
    processes.sign_up(EMAIL).await;
    processes.at_once(vec![wrong(); 4]).await;
    assert_eq!(lockout(&processes).await["failures"], 4, "{}", processes.name);
    assert_eq!(processes.send(signin_request(EMAIL, PASSWORD)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_password_among_wrong_ones_has_its_place_in_the_row() {
    everywhere(|processes| Box::pin(mixed(processes))).await;
}

async fn mixed(processes: Processes) {
    for _ in 0..8 {
        // Four are counted, so that the fifth locks and a right one resets.
        processes.clock().advance(std::time::Duration::from_mins(15));
        if processes.first().services.accounts.find_by_email(&EMAIL.parse().unwrap()).await.unwrap().is_none()
        {
            processes.sign_up(EMAIL).await;
        }
        assert_eq!(processes.send(signin_request(EMAIL, PASSWORD)).await.status, 200, "a clean start");
        for _ in 0..4 {
            assert_eq!(processes.send(wrong()).await.status, 401);
        }
        let answers = processes.at_once(vec![wrong(), signin_request(EMAIL, PASSWORD)]).await;
        assert_eq!(answers[0].code(), "invalid_credentials", "{}", processes.name);
        let after = lockout(&processes).await;
        match answers[1].status.as_u16() {
            // First the right one, which reset the count; then the wrong one, which counts one.
            200 => assert_eq!(after["failures"], 1, "{}: {after}", processes.name),
            // First the wrong one, which locked.
            403 => {
                assert_eq!(answers[1].code(), "account_locked", "{}", processes.name);
                assert_eq!(after["failures"], MAX_FAILURES, "{}: {after}", processes.name);
            }
            _ => panic!("{}: {}", processes.name, answers[1].json()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_passwords_at_once_all_sign_in() {
    everywhere(|processes| Box::pin(rights(processes))).await;
}

async fn rights(processes: Processes) {
    processes.sign_up(EMAIL).await;
    processes.send(wrong()).await;
    let answers = processes.at_once(vec![signin_request(EMAIL, PASSWORD); 20]).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 20, "{}", processes.name);
    assert_eq!(lockout(&processes).await["failures"], 0, "{}", processes.name);
}

//! A first start, sign-ups of one address, admins who remove each other, grants to one user.

use std::collections::BTreeSet;

use latchkey_core::audit::Action;
use latchkey_testkit::TestRequest;
use serde_json::json;

use crate::support::{PASSWORD, Person, Processes, bare, count, everywhere, signin_request, signup_request};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_first_start_makes_one_key_ring() {
    everywhere(|processes| Box::pin(first_start(processes))).await;
}

async fn first_start(processes: Processes) {
    let answers = processes.at_once(vec![TestRequest::get("/.well-known/jwks.json"); 32]).await;
    let sets: BTreeSet<_> = answers.iter().map(|answer| answer.json().to_string()).collect();
    assert_eq!(sets.len(), 1, "{}", processes.name);
    assert_eq!(answers[0].json()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_sign_ups_with_one_address_one_succeeds() {
    everywhere(|processes| Box::pin(sign_ups(processes))).await;
}

async fn sign_ups(processes: Processes) {
    let spellings = ["ada@example.com", "Ada@Example.com", " ADA@EXAMPLE.COM "];
    let requests = (0..200).map(|n| signup_request(spellings[n % 3])).collect();
    let answers = processes.at_once(requests).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{}", processes.name);
    assert_eq!(count(&answers, 409, "email_taken"), 199, "{}", processes.name);
    let ada = Person::read(made[0]);
    let signed_in = Person::read(&processes.send(signin_request("ada@example.com", PASSWORD)).await);
    assert_eq!(signed_in.id, ada.id);
    assert_eq!(processes.first().services.users.list(10, None).await.unwrap().users.len(), 1);
    assert_eq!(processes.events(Action::SignupSucceeded).await.len(), 1);
    assert_eq!(processes.events(Action::SignupRefused).await.len(), 199);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_admins_who_remove_each_other_one_stays() {
    everywhere(|processes| Box::pin(removals(processes))).await;
}

async fn removals(processes: Processes) {
    let mut former: Option<Person> = None;
    for (round, how) in ["role", "status", "delete"].into_iter().cycle().take(12).enumerate() {
        let a = processes.admin(&format!("a{round}@example.com")).await;
        let b = processes.admin(&format!("b{round}@example.com")).await;
        if let Some(former) = former.take() {
            let gone = processes.send(bare("DELETE", &format!("/v1/users/{}", former.id), &a)).await;
            assert_eq!(gone.status, 204);
        }
        let removal = |by: &Person, of: &Person| match how {
            "role" => bare("DELETE", &format!("/v1/users/{}/roles/admin", of.id), by),
            "status" => {
                bare("PATCH", &format!("/v1/users/{}", of.id), by).json(&json!({"status": "disabled"}))
            }
            _ => bare("DELETE", &format!("/v1/users/{}", of.id), by),
        };
        let answers = processes.at_once(vec![removal(&a, &b), removal(&b, &a)]).await;
        let told: Vec<_> = answers.iter().map(|answer| (answer.status.as_u16(), answer.code())).collect();
        let done: Vec<_> = answers.iter().map(|answer| answer.status.is_success()).collect();
        assert!(done == [true, false] || done == [false, true], "{}, {how}: {told:?}", processes.name);
        let winner = if done[0] { a } else { b };
        let last = processes.send(removal(&winner, &winner)).await;
        assert_eq!(last.code(), "last_admin", "{}, {how}", processes.name);
        former = Some(winner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn grants_of_different_roles_to_one_user_are_all_kept() {
    everywhere(|processes| Box::pin(grants(processes))).await;
}

async fn grants(processes: Processes) {
    let root = processes.admin("root@example.com").await;
    let ada = processes.sign_up("ada@example.com").await;
    let names: BTreeSet<String> = (0..24).map(|n| format!("role-{n:02}")).collect();
    for name in &names {
        let role = bare("PUT", &format!("/v1/roles/{name}"), &root).json(&json!({}));
        assert_eq!(processes.send(role).await.status, 201);
    }
    let mut left = names.clone();
    while !left.is_empty() {
        let grant = |name: &String| bare("PUT", &format!("/v1/users/{}/roles/{name}", ada.id), &root);
        let asked: Vec<_> = left.iter().cloned().collect();
        let answers = processes.at_once(asked.iter().map(grant).collect()).await;
        for (name, answer) in asked.iter().zip(&answers) {
            match answer.status.as_u16() {
                200 => assert!(left.remove(name)),
                // Others came first too often; the answer says to try again.
                503 => assert_eq!(answer.header("retry-after"), "1"),
                _ => panic!("{}: {}", processes.name, answer.json()),
            }
        }
    }
    let shown = processes.send(bare("GET", &format!("/v1/users/{}", ada.id), &root)).await.json();
    let held: BTreeSet<String> = serde_json::from_value(shown["roles"].clone()).unwrap();
    assert!(held.is_superset(&names), "{}: {held:?}", processes.name);
    assert_eq!(processes.events(Action::RoleGranted).await.len(), names.len() + 1, "one event for each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn roles_that_are_made_at_once_are_all_kept_and_never_a_cycle() {
    everywhere(|processes| Box::pin(roles(processes))).await;
}

async fn roles(processes: Processes) {
    let root = processes.admin("root@example.com").await;
    let put = |name: &str, includes: &[&str]| -> TestRequest {
        bare("PUT", &format!("/v1/roles/{name}"), &root).json(&json!({"includes": includes}))
    };
    let answers = processes.at_once((0..6).map(|n| put(&format!("role-{n}"), &[])).collect()).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let shown = processes.send(bare("GET", "/v1/roles", &root)).await.json();
    assert_eq!(shown["roles"].as_array().unwrap().len(), 3 + made);
    for _ in 0..8 {
        for name in ["left", "right"] {
            assert!(processes.send(put(name, &[])).await.status.is_success());
        }
        let crossed = vec![put("left", &["right"]), put("right", &["left"])];
        let answers = processes.at_once(crossed).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{}", processes.name);
        assert_eq!(count(&answers, 409, "role_conflict"), 1, "{}", processes.name);
    }
}

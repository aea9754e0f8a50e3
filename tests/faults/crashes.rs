//! An operation that is cut off at any of its calls to the table has happened wholly or not at all.

use std::collections::BTreeMap;

use latchkey_core::Email;
use latchkey_core::audit::Action;
use latchkey_testkit::{Fault, TestRequest};
use serde_json::json;

use crate::support::{
    PASSWORD, Pair, Person, bare, is_unavailable, refresh_request, signin_request, signup_request,
};

/// What there is, without what differs from one run to the next.
#[derive(Debug, PartialEq, Eq)]
struct State {
    /// By e-mail: status, roles, the generation of each session, whether user and login are the same.
    users: BTreeMap<String, (bool, Vec<String>, Vec<u64>, bool)>,
    roles: Vec<String>,
    events: BTreeMap<Action, usize>,
}

async fn state(pair: &Pair) -> State {
    let services = &pair.witness.services;
    let mut users = BTreeMap::new();
    for user in services.users.list(100, None).await.unwrap().users {
        let login = services.users.find_by_email(&user.email).await.unwrap();
        let sessions = services.sessions.list(&user).await.unwrap();
        let generation =
            |session| serde_json::to_value(session).unwrap()["family"]["generation"].as_u64().unwrap();
        let mut generations: Vec<_> = sessions.iter().map(generation).collect();
        generations.sort_unstable();
        let roles = user.roles.iter().map(ToString::to_string).collect();
        let is_same = login.as_ref() == Some(&user);
        users.insert(user.email.to_string(), (user.is_active(), roles, generations, is_same));
    }
    let mut events = BTreeMap::new();
    for event in pair.events().await {
        *events.entry(event.action).or_default() += 1;
    }
    let policy = services.roles.load_fresh().await.unwrap().value;
    State { users, roles: policy.roles().keys().map(ToString::to_string).collect(), events }
}

/// Two admins, a user with two sessions, and a role that nobody has.
struct Stage {
    pair: Pair,
    root: Person,
    ada: Person,
}

impl Stage {
    async fn new() -> Self {
        let pair = Pair::new().await;
        let root = pair.admin("root@example.com").await;
        pair.admin("second@example.com").await;
        pair.sign_up("ada@example.com").await;
        let ada = Person::read(&pair.app.send(signin_request("ada@example.com", PASSWORD)).await);
        let role = bare("PUT", "/v1/roles/spare", &root).json(&json!({}));
        assert_eq!(pair.app.send(role).await.status, 201);
        Self { pair, root, ada }
    }
}

type Operation = fn(&Stage) -> TestRequest;

const OPERATIONS: [(&str, Operation); 16] = [
    ("sign-up", |_| signup_request("new@example.com")),
    ("refused sign-up", |_| signup_request("ada@example.com")),
    ("sign-in", |_| signin_request("ada@example.com", PASSWORD)),
    ("wrong password", |_| signin_request("ada@example.com", "not the right one")),
    ("unknown address", |_| signin_request("eve@example.com", "not the right one")),
    ("refresh", |stage| refresh_request(&stage.ada.refresh)),
    ("revocation", |stage| bare("DELETE", &format!("/v1/sessions/{}", stage.ada.session), &stage.ada)),
    ("sign-out", |stage| bare("POST", "/v1/signout", &stage.ada)),
    ("sign-out everywhere", |stage| bare("POST", "/v1/signout/all", &stage.ada)),
    ("grant", |stage| bare("PUT", &format!("/v1/users/{}/roles/admin", stage.ada.id), &stage.root)),
    ("loss of a role", |stage| {
        bare("DELETE", &format!("/v1/users/{}/roles/admin", stage.root.id), &stage.root)
    }),
    ("disabling", |stage| {
        bare("PATCH", &format!("/v1/users/{}", stage.root.id), &stage.root)
            .json(&json!({"status": "disabled"}))
    }),
    ("deletion", |stage| bare("DELETE", &format!("/v1/users/{}", stage.ada.id), &stage.root)),
    ("deletion of an admin", |stage| bare("DELETE", &format!("/v1/users/{}", stage.root.id), &stage.root)),
    ("new role", |stage| {
        bare("PUT", "/v1/roles/new", &stage.root).json(&json!({"permissions": ["users:read"]}))
    }),
    ("deletion of a role", |stage| bare("DELETE", "/v1/roles/spare", &stage.root)),
];

#[tokio::test]
async fn an_operation_that_is_cut_off_has_happened_wholly_or_not_at_all() {
    for (name, operation) in OPERATIONS {
        let stage = Stage::new().await;
        let before = state(&stage.pair).await;
        stage.pair.app.trips.take();
        let answer = stage.pair.app.send(operation(&stage)).await;
        assert!(answer.status.as_u16() < 500, "{name}: {}", answer.json());
        let calls = usize::try_from(stage.pair.app.trips.take()).unwrap();
        let after = state(&stage.pair).await;
        assert_ne!(before, after, "{name} changes something");

        for call in 0..calls {
            for fault in [Fault::unavailable(), Fault::answer_lost()] {
                let stage = Stage::new().await;
                stage.pair.app.table.faults.add(fault.clone().after(call).times(1));
                let answer = stage.pair.app.send(operation(&stage)).await;
                let found = state(&stage.pair).await;
                let at = format!("{name}, {fault:?} at call {call}: {found:?}");
                assert!(found == before || found == after, "{at}");
                if !is_unavailable(&answer) {
                    assert!(answer.status.as_u16() < 500, "{at}: {}", answer.json());
                    assert_eq!(found, after, "an answer is only given for what was done: {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_sign_up_that_is_cut_off_leaves_the_address_free_or_an_account_to_sign_in_to() {
    for fault in [Fault::unavailable(), Fault::answer_lost()] {
        for call in 0..2 {
            let pair = Pair::new().await;
            pair.app.table.faults.add(fault.clone().after(call).times(1));
            pair.app.send(signup_request("ada@example.com")).await;
            let email: Email = "ada@example.com".parse().unwrap();
            let is_made = pair.witness.services.users.find_by_email(&email).await.unwrap().is_some();
            let again = pair.witness.send(signup_request("ada@example.com")).await;
            assert_eq!(again.status.as_u16(), if is_made { 409 } else { 201 });
            assert_eq!(pair.witness.send(signin_request("ada@example.com", PASSWORD)).await.status, 200);
        }
    }
}

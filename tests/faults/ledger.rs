//! Random operations under random faults: whatever was answered is in the table afterwards, with its event.

use std::collections::BTreeMap;

use latchkey_core::account::FAILURES_PER_LOCK;
use latchkey_core::audit::Action;
use latchkey_testkit::{Fault, TestRequest, TestResponse};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::support::{
    PASSWORD, Pair, Person, bare, is_unavailable, refresh_request, signin_request, signup_request,
};

const PEOPLE: usize = 3;

#[derive(Debug, Clone)]
enum Deed {
    SignUp(usize),
    SignIn(usize),
    WrongPassword(usize),
    Refresh(Index),
    SignOut(Index),
    SetStatus(usize, bool),
    SetRole(usize, bool),
    Delete(usize),
}

#[derive(Debug, Clone)]
struct Step {
    deed: Deed,
    fault: Option<Fault>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = || 0..PEOPLE;
    let deed = prop_oneof![
        4 => person().prop_map(Deed::SignUp),
        3 => person().prop_map(Deed::SignIn),
        1 => person().prop_map(Deed::WrongPassword),
        4 => any::<Index>().prop_map(Deed::Refresh),
        2 => any::<Index>().prop_map(Deed::SignOut),
        2 => (person(), any::<bool>()).prop_map(|(who, active)| Deed::SetStatus(who, active)),
        3 => (person(), any::<bool>()).prop_map(|(who, held)| Deed::SetRole(who, held)),
        1 => person().prop_map(Deed::Delete),
    ];
    let fault = (any::<bool>(), 0..6_usize).prop_map(|(lost, call)| {
        let fault = if lost { Fault::answer_lost() } else { Fault::unavailable() };
        fault.after(call).times(1)
    });
    let step = (deed, prop::option::of(fault)).prop_map(|(deed, fault)| Step { deed, fault });
    prop::collection::vec(step, 1..40)
}

/// What is known of somebody from the answers alone; `None` where an answer is missing.
#[derive(Debug, Clone, Default)]
struct Known {
    id: Option<String>,
    exists: Option<bool>,
    active: Option<bool>,
    editor: Option<bool>,
    /// Wrong passwords in a row, at most.
    wrong: u32,
}

/// A session that was answered, with its latest token.
struct Held {
    who: usize,
    person: Person,
    /// Whether it lives, as far as answers tell.
    lives: Option<bool>,
}

#[derive(Default)]
struct Ledger {
    people: [Known; PEOPLE],
    sessions: Vec<Held>,
    /// Events of changes that were answered, and of those that were not.
    certain: BTreeMap<Action, usize>,
    possible: BTreeMap<Action, usize>,
}

impl Ledger {
    fn note(&mut self, action: Action, answer: &TestResponse) {
        let book = if is_unavailable(answer) { &mut self.possible } else { &mut self.certain };
        *book.entry(action).or_default() += 1;
    }

    fn sessions_of(&mut self, who: usize, lives: Option<bool>) {
        for held in self.sessions.iter_mut().filter(|held| held.who == who && held.lives != Some(false)) {
            held.lives = lives;
        }
    }
}

fn email(who: usize) -> String {
    format!("person{who}@example.com")
}

async fn send(pair: &Pair, request: TestRequest, fault: Option<Fault>) -> TestResponse {
    if let Some(fault) = fault {
        pair.app.table.faults.add(fault);
    }
    let answer = pair.app.send(request).await;
    pair.app.table.faults.clear();
    let allowed = answer.status.as_u16() < 500 || is_unavailable(&answer);
    assert!(allowed, "{} {}", answer.status, answer.json());
    answer
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let pair = Pair::new().await;
    let root = pair.admin("root@example.com").await;
    let mut ledger = Ledger::default();
    for Step { deed, fault } in steps {
        step(&pair, &root, &mut ledger, deed, fault).await;
    }
    compare(&pair, &root, ledger).await
}

async fn step(pair: &Pair, root: &Person, ledger: &mut Ledger, deed: Deed, fault: Option<Fault>) {
    match deed {
        Deed::SignUp(who) => sign_up(pair, ledger, who, fault).await,
        Deed::SignIn(who) => sign_in(pair, ledger, who, fault).await,
        Deed::WrongPassword(who) => {
            ledger.people[who].wrong += 1;
            let answer = send(pair, signin_request(&email(who), "not the right one"), fault).await;
            assert!(is_unavailable(&answer) || answer.code() == "invalid_credentials");
        }
        Deed::Refresh(index) => {
            let Some(held) = pick(&mut ledger.sessions, index) else { return };
            let answer = send(pair, refresh_request(&held.person.refresh), fault).await;
            if answer.status == 200 {
                assert_ne!(held.lives, Some(false), "it came back");
                held.person = Person::read(&answer);
                held.lives = Some(true);
            } else if !is_unavailable(&answer) {
                assert_ne!(held.lives, Some(true), "{}", answer.json());
                held.lives = Some(false);
            }
        }
        Deed::SignOut(index) => {
            let Some(held) = pick(&mut ledger.sessions, index) else { return };
            let answer = send(pair, bare("POST", "/v1/signout", &held.person), fault).await;
            held.lives = match answer.status.as_u16() {
                503 if held.lives == Some(true) => None,
                503 => held.lives,
                _ => Some(false),
            };
            if answer.status != 401 {
                ledger.note(Action::SessionRevoked, &answer);
            }
        }
        Deed::SetStatus(who, active) => {
            let Some(id) = ledger.people[who].id.clone() else { return };
            let status = if active { "active" } else { "disabled" };
            let request = bare("PATCH", &format!("/v1/users/{id}"), root).json(&json!({"status": status}));
            let answer = send(pair, request, fault).await;
            let before = ledger.people[who].active;
            match answer.status.as_u16() {
                200 => ledger.people[who].active = Some(active),
                503 if before != Some(active) => ledger.people[who].active = None,
                _ => {}
            }
            if before != Some(active) && [200, 503].contains(&answer.status.as_u16()) {
                let is_certain = before.is_some() && answer.status == 200;
                ledger.sessions_of(who, is_certain.then_some(false));
            }
        }
        Deed::SetRole(who, held) => set_role(pair, root, ledger, (who, held), fault).await,
        Deed::Delete(who) => {
            let Some(id) = ledger.people[who].id.clone() else { return };
            let answer = send(pair, bare("DELETE", &format!("/v1/users/{id}"), root), fault).await;
            match answer.status.as_u16() {
                204 | 404 => {
                    ledger.people[who] = Known { exists: Some(false), ..Known::default() };
                    ledger.sessions_of(who, Some(false));
                }
                _ => {
                    ledger.people[who] = Known::default();
                    ledger.sessions_of(who, None);
                }
            }
            if answer.status != 404 {
                ledger.note(Action::UserDeleted, &answer);
            }
        }
    }
}

async fn sign_up(pair: &Pair, ledger: &mut Ledger, who: usize, fault: Option<Fault>) {
    let answer = send(pair, signup_request(&email(who)), fault).await;
    match answer.status.as_u16() {
        201 => {
            let person = Person::read(&answer);
            let id = Some(person.id.clone());
            let (exists, active, editor) = (Some(true), Some(true), Some(false));
            ledger.people[who] = Known { id, exists, active, editor, wrong: 0 };
            ledger.sessions.push(Held { who, person, lives: Some(true) });
            ledger.note(Action::SignupSucceeded, &answer);
        }
        409 => {
            assert_ne!(ledger.people[who].exists, Some(false), "nobody has this address");
            ledger.people[who].exists = Some(true);
            ledger.note(Action::SignupRefused, &answer);
        }
        _ => {
            ledger.note(Action::SignupSucceeded, &answer);
            ledger.note(Action::SignupRefused, &answer);
            if ledger.people[who].exists != Some(true) {
                ledger.people[who] = Known::default();
            }
        }
    }
}

async fn sign_in(pair: &Pair, ledger: &mut Ledger, who: usize, fault: Option<Fault>) {
    let answer = send(pair, signin_request(&email(who), PASSWORD), fault).await;
    if answer.status == 200 {
        let person = Person::read(&answer);
        ledger.people[who].id = Some(person.id.clone());
        ledger.people[who].wrong = 0;
        (ledger.people[who].exists, ledger.people[who].active) = (Some(true), Some(true));
        ledger.sessions.push(Held { who, person, lives: Some(true) });
        ledger.note(Action::SigninSucceeded, &answer);
    } else if is_unavailable(&answer) {
        ledger.note(Action::SigninSucceeded, &answer);
    } else {
        let known = &ledger.people[who];
        let explained = match answer.code().as_str() {
            "invalid_credentials" => known.exists != Some(true) || known.wrong >= FAILURES_PER_LOCK,
            "account_disabled" => known.active != Some(true),
            _ => false,
        };
        assert!(explained, "{}", answer.json());
    }
}

async fn set_role(
    pair: &Pair,
    root: &Person,
    ledger: &mut Ledger,
    (who, held): (usize, bool),
    fault: Option<Fault>,
) {
    let Some(id) = ledger.people[who].id.clone() else { return };
    let method = if held { "PUT" } else { "DELETE" };
    let path = format!("/v1/users/{id}/roles/content-editor");
    let answer = send(pair, bare(method, &path, root), fault).await;
    let known = &mut ledger.people[who].editor;
    let before = *known;
    match answer.status.as_u16() {
        200 => *known = Some(held),
        503 if before != Some(held) => *known = None,
        _ => {}
    }
    let action = if held { Action::RoleGranted } else { Action::RoleRevoked };
    let is_change = before == Some(!held) && answer.status == 200;
    if is_change || is_unavailable(&answer) {
        ledger.note(action, &answer);
    } else if before.is_none() {
        *ledger.possible.entry(action).or_default() += 1;
    }
}

fn pick(sessions: &mut [Held], index: Index) -> Option<&mut Held> {
    if sessions.is_empty() { None } else { sessions.get_mut(index.index(sessions.len())) }
}

/// Everything that was answered is there, for a process that was not told.
async fn compare(pair: &Pair, root: &Person, ledger: Ledger) -> Result<(), TestCaseError> {
    let services = &pair.witness.services;
    for (who, known) in ledger.people.iter().enumerate() {
        let found = services.users.find_by_email(&email(who).parse().unwrap()).await.unwrap();
        if let Some(exists) = known.exists {
            prop_assert_eq!(found.is_some(), exists, "person {}", who);
        }
        let Some(user) = found else { continue };
        prop_assert_eq!(services.users.find(user.id).await.unwrap(), Some(user.clone()), "login and user");
        prop_assert!(known.active.is_none_or(|active| active == user.is_active()), "person {}", who);
        let is_editor = user.roles.iter().any(|role| role.as_str() == "content-editor");
        prop_assert!(known.editor.is_none_or(|editor| editor == is_editor), "person {}", who);
    }
    for held in &ledger.sessions {
        let answer =
            pair.witness.send(bare("GET", "/v1/authorize?signed_in=true&fresh=true", &held.person)).await;
        if let Some(lives) = held.lives {
            prop_assert_eq!(answer.status == 204, lives, "a session of person {}", held.who);
        }
    }
    let mut found = BTreeMap::<Action, usize>::new();
    for event in pair.events().await {
        // The test's own administrator is no part of the ledger.
        if event.user_id != Some(root.user_id()) {
            *found.entry(event.action).or_default() += 1;
        }
    }
    for (action, certain) in &ledger.certain {
        let count = found.get(action).copied().unwrap_or_default();
        let possible = ledger.possible.get(action).copied().unwrap_or_default();
        let range = *certain..=certain + possible;
        prop_assert!(range.contains(&count), "{:?}: {} events, {:?} expected", action, count, range);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_answered_is_in_the_table_with_its_event(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}

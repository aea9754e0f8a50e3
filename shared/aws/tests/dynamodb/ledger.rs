//! Random operations while requests to DynamoDB fail at random: whatever was answered is in the table afterwards, with its
//! event, and nothing is there twice.

use std::collections::BTreeMap;

use latchkey_core::audit::Action;
use latchkey_testkit::{TestRequest, TestResponse};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::proxy::Fault;
use crate::support::{PASSWORD, Pair, Person, bare, is_unavailable, refresh, signin, signup};

const PEOPLE: usize = 3;

#[derive(Debug, Clone)]
enum Deed {
    SignUp(usize),
    SignIn(usize),
    Refresh(Index),
    SignOut(Index),
}

#[derive(Debug, Clone)]
struct Step {
    deed: Deed,
    faults: Vec<Option<Fault>>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = || 0..PEOPLE;
    let deed = prop_oneof![
        person().prop_map(Deed::SignUp),
        person().prop_map(Deed::SignIn),
        any::<Index>().prop_map(Deed::Refresh),
        any::<Index>().prop_map(Deed::SignOut),
    ];
    let fault = prop::sample::select(vec![
        Fault::Answers(400, "ThrottlingException"),
        Fault::Answers(400, "ProvisionedThroughputExceededException"),
        Fault::Answers(500, "InternalServerError"),
        Fault::Answers(400, "TransactionConflictException"),
        Fault::Answers(400, "TransactionInProgressException"),
        Fault::HangsUp,
        Fault::AnswerLost,
        Fault::AnswerLost,
        Fault::Garbage,
    ]);
    // Gaps let a request through; from four failures in a row the answer is 503.
    let faults = prop::collection::vec(prop::option::weighted(0.8, fault), 0..8);
    prop::collection::vec((deed, faults).prop_map(|(deed, faults)| Step { deed, faults }), 1..16)
}

/// A session that was answered, with its latest token.
struct Held {
    who: usize,
    person: Person,
    /// Whether it lives, as far as answers tell.
    lives: Option<bool>,
}

/// What the answers tell.
#[derive(Default)]
struct Ledger {
    exists: [Option<bool>; PEOPLE],
    sessions: Vec<Held>,
    certain: BTreeMap<Action, usize>,
    possible: BTreeMap<Action, usize>,
}

impl Ledger {
    fn note(&mut self, action: Action, answer: &TestResponse) {
        let book = if is_unavailable(answer) { &mut self.possible } else { &mut self.certain };
        *book.entry(action).or_default() += 1;
    }
}

fn email(who: usize) -> String {
    format!("person{who}@example.com")
}

async fn send(pair: &Pair, request: TestRequest, faults: Vec<Option<Fault>>) -> TestResponse {
    pair.proxy().add(faults);
    let answer = pair.app.send(request).await;
    pair.proxy().clear();
    assert!(answer.status.as_u16() < 500 || is_unavailable(&answer), "{} {}", answer.status, answer.json());
    answer
}

async fn step(pair: &Pair, ledger: &mut Ledger, Step { deed, faults }: Step) {
    match deed {
        Deed::SignUp(who) => {
            let answer = send(pair, signup(&email(who)), faults).await;
            match answer.status.as_u16() {
                201 => {
                    assert_ne!(ledger.exists[who], Some(true), "twice");
                    ledger.exists[who] = Some(true);
                    ledger.sessions.push(Held { who, person: Person::read(&answer), lives: Some(true) });
                    ledger.note(Action::SignupSucceeded, &answer);
                }
                409 => {
                    assert_ne!(ledger.exists[who], Some(false), "nobody has this address");
                    ledger.exists[who] = Some(true);
                    ledger.note(Action::SignupRefused, &answer);
                }
                _ => {
                    ledger.note(Action::SignupSucceeded, &answer);
                    ledger.note(Action::SignupRefused, &answer);
                    ledger.exists[who] = ledger.exists[who].filter(|exists| *exists);
                }
            }
        }
        Deed::SignIn(who) => {
            let answer = send(pair, signin(&email(who), PASSWORD), faults).await;
            match answer.status.as_u16() {
                200 => {
                    ledger.exists[who] = Some(true);
                    ledger.sessions.push(Held { who, person: Person::read(&answer), lives: Some(true) });
                    ledger.note(Action::SigninSucceeded, &answer);
                }
                503 => ledger.note(Action::SigninSucceeded, &answer),
                _ => assert_ne!(ledger.exists[who], Some(true), "{}", answer.json()),
            }
        }
        Deed::Refresh(index) => {
            let Some(held) = pick(&mut ledger.sessions, index) else { return };
            let answer = send(pair, refresh(&held.person.refresh), faults).await;
            match answer.status.as_u16() {
                200 => {
                    assert_ne!(held.lives, Some(false), "it came back");
                    (held.person, held.lives) = (Person::read(&answer), Some(true));
                }
                503 => {}
                _ => {
                    assert_ne!(held.lives, Some(true), "{}", answer.json());
                    held.lives = Some(false);
                }
            }
        }
        Deed::SignOut(index) => {
            let Some(held) = pick(&mut ledger.sessions, index) else { return };
            let answer = send(pair, bare("POST", "/v1/signout", &held.person), faults).await;
            held.lives = match answer.status.as_u16() {
                503 => held.lives.filter(|lives| !lives),
                _ => Some(false),
            };
            if answer.status != 401 {
                ledger.note(Action::SessionRevoked, &answer);
            }
        }
    }
}

fn pick(sessions: &mut [Held], index: Index) -> Option<&mut Held> {
    if sessions.is_empty() { None } else { sessions.get_mut(index.index(sessions.len())) }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let pair = Pair::new().await;
    let mut ledger = Ledger { exists: [Some(false); PEOPLE], ..Ledger::default() };
    for next in steps {
        step(&pair, &mut ledger, next).await;
    }
    // As a process sees it that was not told.
    let accounts = &pair.witness.services.accounts;
    for (who, exists) in ledger.exists.into_iter().enumerate() {
        let found = accounts.find_by_email(&email(who).parse().unwrap()).await.unwrap();
        if let Some(exists) = exists {
            prop_assert_eq!(found.is_some(), exists, "person {}", who);
        }
        let Some(user) = found else { continue };
        prop_assert_eq!(accounts.find(user.id).await.unwrap(), Some(user), "login and user");
    }
    for held in &ledger.sessions {
        let answer = pair.witness.send(bare("GET", "/v1/authorize?fresh=true", &held.person)).await;
        if let Some(lives) = held.lives {
            prop_assert_eq!(answer.status == 204, lives, "a session of person {}", held.who);
        }
    }
    for action in ledger.possible.keys() {
        ledger.certain.entry(*action).or_default();
    }
    for (action, certain) in &ledger.certain {
        let found = pair.events(*action).await;
        let most = certain + ledger.possible.get(action).copied().unwrap_or_default();
        prop_assert!(
            (*certain..=most).contains(&found),
            "{:?}: {} events, not {} to {}",
            action,
            found,
            certain,
            most
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_answered_is_in_the_table_with_its_event(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}

//! Random operations while requests to DynamoDB fail at random. Afterwards every change with a response is in
//! the table, with its event, and nothing is there twice.

use std::collections::BTreeMap;

use latchkey_core::audit::Action;
use latchkey_testkit::{TestRequest, TestResponse};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::proxy::Fault;
use crate::support::{PASSWORD, Pair, Person, bare, is_unavailable, refresh, signin, signup};

const PEOPLE: usize = 3;
/// Number of people that the provider knows.
const SUBJECTS: usize = 3;

#[derive(Debug, Clone)]
enum Deed {
    SignUp(usize),
    SignIn(usize),
    Refresh(Index),
    SignOut(Index),
    /// Sign-in with the provider.
    Enter(usize),
    /// Link of an identity at the provider to the account of a session.
    Link(Index, usize),
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
        (0..SUBJECTS).prop_map(Deed::Enter),
        (any::<Index>(), 0..SUBJECTS).prop_map(|(session, subject)| Deed::Link(session, subject)),
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
    // Gaps let a request through. From four failures in a row the response is 503.
    let faults = prop::collection::vec(prop::option::weighted(0.9, fault), 0..8);
    // If the reads pass, all faults meet the write, whose outcome may then be unknown.
    let faults = (0..3_usize, faults).prop_map(|(reads, faults)| [vec![None; reads], faults].concat());
    prop::collection::vec((deed, faults).prop_map(|(deed, faults)| Step { deed, faults }), 1..24)
}

/// A session from a response, with its latest token.
struct Held {
    /// Account, by its e-mail address.
    who: String,
    person: Person,
    /// True if the session is live, as far as responses tell.
    lives: Option<bool>,
}

/// Owner of an identity, as far as responses tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Owner {
    #[default]
    Nobody,
    /// An account, by its e-mail address.
    Account(String),
    Unknown,
}

impl Owner {
    /// Records an attempt to give the identity an owner that got no response.
    fn doubt(&mut self) {
        if *self == Self::Nobody {
            *self = Self::Unknown;
        }
    }
}

/// Expected state, as far as responses tell.
#[derive(Default)]
struct Ledger {
    exists: [Option<bool>; PEOPLE],
    owners: [Owner; SUBJECTS],
    sessions: Vec<Held>,
    certain: BTreeMap<Action, usize>,
    possible: BTreeMap<Action, usize>,
}

impl Ledger {
    fn note(&mut self, action: Action, answer: &TestResponse) {
        let book = if is_unavailable(answer) { &mut self.possible } else { &mut self.certain };
        *book.entry(action).or_default() += 1;
    }

    /// Records that one of these actions happened, without knowing which.
    fn note_either(&mut self, actions: &[Action]) {
        for action in actions {
            *self.possible.entry(*action).or_default() += 1;
        }
    }

    /// Records the result of a sign-in with the provider, and the owner of the session.
    fn entered(&mut self, subject: usize, answer: &TestResponse, who: Option<String>) {
        const EITHER: [Action; 2] = [Action::SignupSucceeded, Action::SigninSucceeded];
        let Some(who) = who else {
            assert!(is_unavailable(answer), "{} {}", answer.status, answer.json());
            self.note_either(&EITHER);
            self.owners[subject].doubt();
            return;
        };
        match &self.owners[subject] {
            Owner::Nobody => {
                assert_eq!(who, external_email(subject));
                self.note(Action::SignupSucceeded, answer);
            }
            Owner::Account(owner) => {
                assert_eq!(who, *owner);
                self.note(Action::SigninSucceeded, answer);
            }
            Owner::Unknown => self.note_either(&EITHER),
        }
        self.owners[subject] = Owner::Account(who.clone());
        self.sessions.push(Held { who, person: Person::read(answer), lives: Some(true) });
    }

    /// Records the result of a link to the account `who`.
    fn linked(&mut self, subject: usize, who: String, answer: &TestResponse) {
        let owner = &mut self.owners[subject];
        match (answer.status.as_u16(), answer.code().as_str()) {
            (303, _) => match std::mem::replace(owner, Owner::Account(who.clone())) {
                Owner::Nobody => self.note(Action::IdentityLinked, answer),
                Owner::Account(before) => assert_eq!(before, who, "it had an owner"),
                Owner::Unknown => self.note_either(&[Action::IdentityLinked]),
            },
            (503, _) => {
                owner.doubt();
                self.note_either(&[Action::IdentityLinked, Action::IdentityRefused]);
            }
            (409, "identity_taken") => {
                assert!(*owner != Owner::Nobody && *owner != Owner::Account(who), "{owner:?}");
                self.note(Action::IdentityRefused, answer);
            }
            (409, "provider_linked") => {
                assert_ne!(*owner, Owner::Account(who));
                self.note(Action::IdentityRefused, answer);
            }
            _ => panic!("{} {}", answer.status, answer.json()),
        }
    }
}

fn email(who: usize) -> String {
    format!("person{who}@example.com")
}

/// Returns the address that the provider confirms.
fn external_email(subject: usize) -> String {
    format!("subject{subject}@example.com")
}

/// Returns the account that a response signs in to, as another process sees it.
async fn account(pair: &Pair, answer: &TestResponse) -> String {
    let session = pair.witness.send(bare("GET", "/v1/session", &Person::read(answer))).await;
    assert_eq!(session.status, 200, "{}", session.json());
    session.text("user.email")
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
                    ledger.sessions.push(Held {
                        who: email(who),
                        person: Person::read(&answer),
                        lives: Some(true),
                    });
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
                    ledger.sessions.push(Held {
                        who: email(who),
                        person: Person::read(&answer),
                        lives: Some(true),
                    });
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
        Deed::Enter(subject) => {
            let start = TestRequest::get("/v1/oauth/acme/start");
            let trip = pair.trip(&subject.to_string(), &external_email(subject), start).await;
            let answer = send(pair, trip.unwrap(), faults).await;
            let who = match answer.status.as_u16() {
                303 => Some(account(pair, &answer).await),
                _ => None,
            };
            ledger.entered(subject, &answer, who);
        }
        Deed::Link(index, subject) => {
            let Some(held) = pick(&mut ledger.sessions, index) else { return };
            let start = bare("POST", "/v1/oauth/acme/link", &held.person);
            let trip = pair.trip(&subject.to_string(), &external_email(subject), start).await;
            assert_ne!(held.lives, Some(trip.is_none()), "a session of {}", held.who);
            held.lives = Some(trip.is_some());
            let Some(trip) = trip else { return };
            let who = held.who.clone();
            let answer = send(pair, trip, faults).await;
            ledger.linked(subject, who, &answer);
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
    // Check from a process that knows none of the requests.
    let services = &pair.witness.services;
    for (who, exists) in ledger.exists.into_iter().enumerate() {
        let found = services.users.find_by_email(&email(who).parse().unwrap()).await.unwrap();
        if let Some(exists) = exists {
            prop_assert_eq!(found.is_some(), exists, "person {}", who);
        }
        let Some(user) = found else { continue };
        prop_assert_eq!(services.users.find(user.id).await.unwrap(), Some(user), "login and user");
    }
    for (subject, owner) in ledger.owners.clone().into_iter().enumerate() {
        let start = TestRequest::get("/v1/oauth/acme/start");
        let trip = pair.trip(&subject.to_string(), &external_email(subject), start).await;
        let answer = pair.witness.send(trip.unwrap()).await;
        let who = account(&pair, &answer).await;
        if let Owner::Account(owner) = owner {
            prop_assert_eq!(&who, &owner, "subject {}", subject);
        }
        ledger.entered(subject, &answer, Some(who.clone()));
        let user = services.users.find_by_email(&who.parse().unwrap()).await.unwrap().unwrap();
        let listed = services.identities.list(&user).await.unwrap();
        prop_assert_eq!(listed.len(), 1, "identity and user of subject {}", subject);
        prop_assert_eq!(services.users.find(user.id).await.unwrap(), Some(user), "login and user");
    }
    for held in &ledger.sessions {
        let answer =
            pair.witness.send(bare("GET", "/v1/authorize?signed_in=true&fresh=true", &held.person)).await;
        if let Some(lives) = held.lives {
            prop_assert_eq!(answer.status == 204, lives, "a session of {}", &held.who);
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
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_answered_is_in_the_table_with_its_event(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}

//! Signing in with a provider, linking, unlinking and codes while the store fails: wholly or not at all, and what was answered
//! has happened.

use std::collections::BTreeMap;
use std::pin::Pin;

use latchkey_core::SecretString;
use latchkey_core::account::{
    Authority, Handle, IdentityError, LinkError, LinkTicket, Name, RedeemError, Status, UnlinkError, User,
};
use latchkey_core::audit::{Action, Requester};
use latchkey_core::oauth::ExternalIdentity;
use latchkey_core::port::StoreError;
use latchkey_core::session::{Freshness, NewSession};
use latchkey_testkit::Fault;
use latchkey_testkit::identities::{
    Entered, ada, ada_at_google, allow_link, enter, external, issue_code, link, link_by, redeem_code,
};
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::stored::assert_whole;
use proptest::prelude::*;

use crate::support::Pair;

/// How a deed ended, as far as its caller can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    /// The store gave no answer.
    Unknown,
}

impl Outcome {
    fn of<T, E: Refusal>(result: &Result<T, E>) -> Self {
        match result.as_ref().map_err(Refusal::fault) {
            Ok(_) => Self::Done,
            Err(None) => Self::Refused,
            Err(Some(latchkey_core::Fault::Store(StoreError::Unavailable(_)))) => Self::Unknown,
            Err(Some(other)) => panic!("{other}"),
        }
    }
}

/// An error of the domain: a refusal, unless it could not be carried out.
trait Refusal {
    fn fault(&self) -> Option<&latchkey_core::Fault>;
}

macro_rules! refusals {
    ($($error:ident),+) => {
        $(impl Refusal for $error {
            fn fault(&self) -> Option<&latchkey_core::Fault> {
                match self {
                    Self::Fault(fault) => Some(fault),
                    _ => None,
                }
            }
        })+
    };
}

refusals!(IdentityError, LinkError, UnlinkError, RedeemError);

/// A user, and how many sessions they have.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    is_active: bool,
    name: Option<Name>,
    handle: Option<Handle>,
    providers: Vec<String>,
    sessions: usize,
}

/// What there is, without what differs from one run to the next.
#[derive(Debug, PartialEq, Eq)]
struct State {
    /// By e-mail.
    users: BTreeMap<String, Seen>,
    events: BTreeMap<Action, usize>,
}

async fn state(pair: &Pair) -> State {
    let services = &pair.witness.services;
    assert_whole(&pair.witness, "after a fault").await;
    let mut users = BTreeMap::new();
    for user in services.users.list(100, None).await.unwrap().users {
        let sessions = services.sessions.list(&user).await.unwrap().len();
        let providers = user.identities.keys().map(ToString::to_string).collect();
        let seen =
            Seen { is_active: user.is_active(), name: user.name, handle: user.handle, providers, sessions };
        users.insert(user.email.to_string(), seen);
    }
    let mut events = BTreeMap::new();
    for event in pair.events().await {
        *events.entry(event.action).or_default() += 1;
    }
    State { users, events }
}

/// Ada with two identities and no password, Eve with a password, and what they were about to do.
struct Stage {
    pair: Pair,
    ada: Entered,
    eve: LinkTicket,
    own: LinkTicket,
    code: SecretString,
    /// A code that was exchanged.
    spent: SecretString,
}

impl Stage {
    async fn new() -> Self {
        let pair = Pair::new().await;
        let ada = enter(&pair.app, &ada()).await.unwrap();
        let eve = pair.sign_up("eve@example.com").await;
        link(&pair.app, &ada.person, &external("discord", "3", "ada@discord.example")).await.unwrap();
        let own = allow_link(&pair.app, &ada.person).await.unwrap();
        let issue = async || issue_code(&pair.app, &self::ada()).await.unwrap();
        let (code, spent) = (issue().await, issue().await);
        let eve = allow_link(&pair.app, &eve).await.unwrap();
        // Somebody whose one way in it is, so that the account follows a new name.
        enter(&pair.app, &external("linkedin", "5", "lin@example.com")).await.unwrap();
        let stage = Self { pair, ada, eve, own, code, spent };
        stage.redeem(&stage.spent, VERIFIER).await.unwrap();
        stage
    }

    async fn redeem(&self, code: &SecretString, verifier: &str) -> Result<NewSession, RedeemError> {
        redeem_code(&self.pair.app, code, verifier).await
    }

    async fn link(&self, ticket: &LinkTicket, who: &ExternalIdentity) -> Result<User, LinkError> {
        link_by(&self.pair.app, ticket, who).await
    }

    async fn unlink(&self, provider: &str) -> Result<User, UnlinkError> {
        let services = &self.pair.app.services;
        let Ok(live) = services.sessions.authenticate(&self.ada.person.access, Freshness::Fresh).await else {
            return Err(latchkey_core::Fault::from(StoreError::Unavailable("the caller".to_owned())).into());
        };
        services.identities.unlink(&live, &provider.parse().unwrap(), &Requester::default()).await
    }
}

type Deed = fn(&Stage) -> Pin<Box<dyn Future<Output = Outcome> + '_>>;

const DEEDS: [(&str, Deed); 14] = [
    ("first sign-in", |stage| {
        Box::pin(async {
            Outcome::of(&enter(&stage.pair.app, &external("github", "9", "new@example.com")).await)
        })
    }),
    ("first sign-in of a namesake", |stage| {
        let namesake =
            ExternalIdentity { username: ada().username, ..external("github", "9", "new@example.com") };
        Box::pin(async move { Outcome::of(&enter(&stage.pair.app, &namesake).await) })
    }),
    ("sign-in", |stage| Box::pin(async { Outcome::of(&enter(&stage.pair.app, &ada()).await) })),
    ("sign-in under a new name", |stage| {
        let renamed = ExternalIdentity {
            name: Some("Countess".to_owned()),
            ..external("linkedin", "5", "lin@example.com")
        };
        Box::pin(async move { Outcome::of(&enter(&stage.pair.app, &renamed).await) })
    }),
    ("an address that is taken", |stage| {
        let who = external("github", "9", "lin@example.com");
        Box::pin(async move { Outcome::of(&enter(&stage.pair.app, &who).await) })
    }),
    ("an address that nobody proved", |stage| {
        let who = external("github", "9", "eve@example.com");
        Box::pin(async move { Outcome::of(&enter(&stage.pair.app, &who).await) })
    }),
    ("no address", |stage| {
        let who = ExternalIdentity { verified_email: None, ..external("github", "9", "new@example.com") };
        Box::pin(async move { Outcome::of(&enter(&stage.pair.app, &who).await) })
    }),
    ("link", |stage| Box::pin(async { Outcome::of(&stage.link(&stage.own, &ada_at_google()).await) })),
    ("link of another's", |stage| Box::pin(async { Outcome::of(&stage.link(&stage.eve, &ada()).await) })),
    ("unlink", |stage| Box::pin(async { Outcome::of(&stage.unlink("github").await) })),
    ("exchange of a code", |stage| {
        Box::pin(async { Outcome::of(&stage.redeem(&stage.code, VERIFIER).await) })
    }),
    ("a wrong verifier", |stage| {
        Box::pin(async { Outcome::of(&stage.redeem(&stage.code, CHALLENGE).await) })
    }),
    ("an exchanged code again", |stage| {
        Box::pin(async { Outcome::of(&stage.redeem(&stage.spent, VERIFIER).await) })
    }),
    ("deletion", |stage| {
        Box::pin(async {
            let services = &stage.pair.app.services;
            match services.users.delete(stage.ada.id(), Authority::Operator, &Requester::default()).await {
                Ok(()) => Outcome::Done,
                Err(_) => Outcome::Unknown,
            }
        })
    }),
];

#[tokio::test]
async fn what_is_cut_off_has_happened_wholly_or_not_at_all() {
    for (name, deed) in DEEDS {
        let stage = Stage::new().await;
        let before = state(&stage.pair).await;
        stage.pair.app.trips.take();
        let expected = deed(&stage).await;
        assert_ne!(expected, Outcome::Unknown, "{name}");
        let calls = usize::try_from(stage.pair.app.trips.take()).unwrap();
        let after = state(&stage.pair).await;
        assert_ne!(before, after, "{name} changes something");

        for call in 0..calls {
            for fault in [Fault::unavailable(), Fault::answer_lost()] {
                let stage = Stage::new().await;
                stage.pair.app.table.faults.add(fault.clone().after(call).times(1));
                let outcome = deed(&stage).await;
                stage.pair.app.table.faults.clear();
                let found = state(&stage.pair).await;
                let at = format!("{name}, {fault:?} at call {call}: {found:?}");
                assert!(found == before || found == after, "{at}");
                if outcome != Outcome::Unknown {
                    assert_eq!(
                        (&outcome, &found),
                        (&expected, &after),
                        "an answer is only given for what was done: {at}"
                    );
                }
            }
        }
    }
}

/// One of two accounts, one of three identities.
#[derive(Debug, Clone)]
enum Step {
    Enter(usize, bool),
    Link(usize, usize),
    Unlink(usize, usize),
    SetStatus(usize, bool),
    Delete(usize),
}

fn steps() -> impl Strategy<Value = Vec<(Step, Option<Fault>)>> {
    let (who, owner) = (|| 0..3_usize, || 0..2_usize);
    let step = prop_oneof![
        4 => (who(), any::<bool>()).prop_map(|(who, renamed)| Step::Enter(who, renamed)),
        4 => (owner(), who()).prop_map(|(owner, who)| Step::Link(owner, who)),
        3 => (owner(), who()).prop_map(|(owner, who)| Step::Unlink(owner, who)),
        2 => (owner(), any::<bool>()).prop_map(|(owner, active)| Step::SetStatus(owner, active)),
        1 => owner().prop_map(Step::Delete),
    ];
    let fault = (any::<bool>(), 0..5_usize).prop_map(|(lost, call)| {
        let fault = if lost { Fault::answer_lost() } else { Fault::unavailable() };
        fault.after(call).times(1)
    });
    prop::collection::vec((step, prop::option::of(fault)), 1..40)
}

fn identity(who: usize) -> ExternalIdentity {
    external(["github", "google", "discord"][who], "1", &format!("person{who}@example.com"))
}

/// Whose the identity is, asked of a process that was not told.
async fn owner_of(pair: &Pair, who: usize) -> Option<latchkey_core::UserId> {
    let (services, wanted) = (&pair.witness.services, identity(who));
    for user in services.users.list(100, None).await.unwrap().users {
        let hash = user.identities.get(&wanted.provider);
        if hash == Some(&latchkey_core::account::IdentityHash::of(&wanted.issuer, &wanted.subject)) {
            return Some(user.id);
        }
    }
    None
}

/// The sessions of the two owners, begun anew where they are not alive.
async fn owner(pair: &Pair, n: usize) -> Option<(latchkey_core::UserId, String)> {
    let email = format!("owner{n}@example.com");
    let answer = pair.witness.send(crate::support::signup_request(&email)).await;
    let answer = match answer.status.as_u16() {
        201 => answer,
        _ => pair.witness.send(crate::support::signin_request(&email, crate::support::PASSWORD)).await,
    };
    let id = answer.text("user.id").parse().ok()?;
    Some((id, answer.text("access_token")))
}

async fn take(pair: &Pair, step: &Step, fault: Option<Fault>) {
    let app = &pair.app;
    let from = Requester::default();
    let services = &app.services;
    let owner = match step {
        Step::Link(n, _) | Step::Unlink(n, _) | Step::SetStatus(n, _) | Step::Delete(n) => {
            owner(pair, *n).await
        }
        Step::Enter(..) => None,
    };
    let live = match &owner {
        Some((_, access)) => app.services.sessions.authenticate(access, Freshness::Fresh).await.ok(),
        None => None,
    };
    if let Some(fault) = fault {
        app.table.faults.add(fault);
    }
    match step {
        Step::Enter(who, renamed) => {
            let name = renamed.then(|| "Countess".to_owned());
            let entered = enter(app, &ExternalIdentity { name, ..identity(*who) }).await;
            app.table.faults.clear();
            if let Outcome::Done = Outcome::of(&entered) {
                let entered = entered.unwrap();
                assert_eq!(owner_of(pair, *who).await, Some(entered.id()));
                let sessions = pair.witness.services.sessions.list(&entered.user).await.unwrap();
                assert!(sessions.iter().any(|session| session.id.to_string() == entered.person.session));
            }
        }
        Step::Link(_, who) => {
            let Some(live) = live else { return app.table.faults.clear() };
            let ticket = services.identities.allow(&live).unwrap();
            let linked = link_by(app, &ticket, &identity(*who)).await;
            app.table.faults.clear();
            match Outcome::of(&linked) {
                Outcome::Done => assert_eq!(owner_of(pair, *who).await, Some(live.user.id)),
                Outcome::Refused => assert_ne!(owner_of(pair, *who).await, Some(live.user.id)),
                Outcome::Unknown => {}
            }
        }
        Step::Unlink(_, who) => {
            let Some(live) = live else { return app.table.faults.clear() };
            let provider = identity(*who).provider;
            let unlinked = services.identities.unlink(&live, &provider, &from).await;
            app.table.faults.clear();
            if Outcome::of(&unlinked) != Outcome::Unknown {
                assert_ne!(owner_of(pair, *who).await, Some(live.user.id), "an owner has a password");
            }
        }
        Step::SetStatus(_, active) => {
            let Some((id, _)) = owner else { return app.table.faults.clear() };
            let status = if *active { Status::Active } else { Status::Disabled };
            let set = services.users.set_status(id, status, Authority::Operator, &from).await;
            app.table.faults.clear();
            if set.is_ok() {
                assert_eq!(pair.witness.services.users.find(id).await.unwrap().unwrap().status, status);
            }
        }
        Step::Delete(_) => {
            let Some((id, _)) = owner else { return app.table.faults.clear() };
            let deleted = services.users.delete(id, Authority::Operator, &from).await;
            app.table.faults.clear();
            if deleted.is_ok() {
                assert_eq!(pair.witness.services.users.find(id).await.unwrap(), None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_faults_parts_an_account_from_its_identities(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pair = Pair::new().await;
            for (step, fault) in steps {
                take(&pair, &step, fault).await;
                assert_whole(&pair.witness, &format!("after {step:?}")).await;
            }
        });
    }
}

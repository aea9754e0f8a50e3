//! Random histories of sessions and guesses over HTTP, each step compared with a small model that knows only the rules: no store, no
//! digests, no caches.

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::account::{Authority, Status};
use latchkey_core::audit::{Action, Filter, Requester};
use latchkey_core::port::Table;
use latchkey_testkit::{TestApp, TestRequest, TestResponse, memory_table};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::support::{
    Emulated, PASSWORD, Person, bare, device_cookie, refresh_request, signin_request, signup_request,
};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const USERS: usize = 2;
/// How many used tokens a session remembers.
const REMEMBERED: usize = 8;

#[derive(Debug, Clone)]
enum Step {
    /// With the right password; with the device cookie or without.
    SignIn(usize, bool),
    /// The same with so many wrong passwords.
    Guess(usize, bool, u32),
    /// With any token that was ever issued.
    Refresh(Index),
    /// The following with the latest access token of any session there ever was.
    Show(Index),
    ShowAsOfNow(Index),
    SignOut(Index),
    SignOutEverywhere(Index),
    Revoke(Index, Index),
    SetStatus(usize, Status),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = any::<Index>;
    let pause = prop_oneof![
        4 => prop::sample::select(vec![SECOND, 5 * SECOND, 10 * SECOND, 10 * SECOND + 1]),
        2 => prop::sample::select(vec![10 * 60 * SECOND, HOUR, DAY - HOUR, DAY]),
        1 => prop::sample::select(vec![6 * DAY, 7 * DAY - 1, 7 * DAY]),
    ];
    let status = prop::sample::select(vec![Status::Active, Status::Active, Status::Disabled]);
    let step = prop_oneof![
        3 => (0..USERS, prop::bool::ANY).prop_map(|(user, device)| Step::SignIn(user, device)),
        2 => (0..USERS, prop::bool::ANY, 1..6_u32).prop_map(|(user, device, times)| Step::Guess(user, device, times)),
        9 => any().prop_map(Step::Refresh),
        2 => any().prop_map(Step::Show),
        2 => any().prop_map(Step::ShowAsOfNow),
        1 => any().prop_map(Step::SignOut),
        1 => any().prop_map(Step::SignOutEverywhere),
        1 => (any(), any()).prop_map(|(by, of)| Step::Revoke(by, of)),
        1 => (0..USERS, status).prop_map(|(user, status)| Step::SetStatus(user, status)),
        6 => pause.prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..80)
}

/// What a step is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Done,
    /// A session's first token, or one that was not there before.
    NewToken,
    /// This token, once more.
    Token(usize),
    Refused(&'static str),
}

struct Session {
    user: usize,
    created: u64,
    seen: u64,
    access_until: u64,
    ended: bool,
    /// Its tokens in the order of their issue: the last is the live one.
    tokens: Vec<usize>,
}

struct Token {
    session: usize,
    used: Option<u64>,
}

/// Wrong passwords in a row: those of strangers, the moment of the last lock, those that came with the device cookie.
#[derive(Default)]
struct Row {
    strangers: u32,
    locked_at: Option<u64>,
    device: u32,
}

#[derive(Default)]
struct Model {
    now: u64,
    rows: [Row; USERS],
    disabled: [bool; USERS],
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    reuses: usize,
}

impl Model {
    fn lives(&self, session: usize) -> bool {
        let s = &self.sessions[session];
        !s.ended && self.now < (s.seen + 7 * DAY).min(s.created + 30 * DAY)
    }

    fn living(&self, user: usize) -> Vec<usize> {
        (0..self.sessions.len()).filter(|s| self.sessions[*s].user == user && self.lives(*s)).collect()
    }

    fn end_all(&mut self, user: usize) {
        self.sessions
            .iter_mut()
            .filter(|session| session.user == user)
            .for_each(|session| session.ended = true);
    }

    fn issue(&mut self, session: usize) {
        self.sessions[session].tokens.push(self.tokens.len());
        self.sessions[session].access_until = self.now + 15 * 60 * SECOND;
        self.tokens.push(Token { session, used: None });
    }

    /// Whether a device cookie that was made at the beginning still passes the lock.
    fn passes(&self, user: usize, device: bool) -> bool {
        device && self.now < 400 * DAY && self.rows[user].device < 10
    }

    /// Whether a password is tried.
    fn tries(&self, user: usize, device: bool) -> bool {
        let Row { strangers, locked_at, .. } = self.rows[user];
        let lock = ((15 * 60 * SECOND) << (strangers / 5).saturating_sub(1).min(7)).min(DAY);
        let locked = locked_at.is_some_and(|at| self.now < at + lock);
        self.passes(user, device) || (strangers < 100 && !locked)
    }

    fn guess(&mut self, user: usize, device: bool) -> Told {
        if self.passes(user, device) {
            self.rows[user].device += 1;
        } else if self.tries(user, device) {
            self.rows[user].strangers += 1;
            self.rows[user].locked_at = self.rows[user].strangers.is_multiple_of(5).then_some(self.now);
        }
        Told::Refused("invalid_credentials")
    }

    fn sign_in(&mut self, user: usize, device: bool) -> Told {
        if !self.tries(user, device) {
            return Told::Refused("invalid_credentials");
        }
        if self.disabled[user] {
            return Told::Refused("account_disabled");
        }
        let known = device && self.now < 400 * DAY;
        self.rows[user] = Row { device: if known { 0 } else { self.rows[user].device }, ..Row::default() };
        let (created, seen) = (self.now, self.now);
        self.sessions.push(Session {
            user,
            created,
            seen,
            access_until: 0,
            ended: false,
            tokens: Vec::new(),
        });
        self.issue(self.sessions.len() - 1);
        Told::NewToken
    }

    fn refresh(&mut self, token: usize) -> Told {
        let session = self.tokens[token].session;
        if !self.lives(session) {
            return Told::Refused("invalid_refresh_token");
        }
        let (position, live) = {
            let tokens = &self.sessions[session].tokens;
            (tokens.iter().position(|t| *t == token).unwrap(), *tokens.last().unwrap())
        };
        if token == live {
            self.tokens[token].used = Some(self.now);
            if self.now - self.sessions[session].seen >= DAY {
                self.sessions[session].seen = self.now;
            }
            self.issue(session);
            return Told::NewToken;
        }
        let later = self.sessions[session].tokens.len() - 1 - position;
        let window = if later == 1 { DAY } else { 10 * SECOND };
        if later <= REMEMBERED && self.now - self.tokens[token].used.unwrap() <= window {
            self.sessions[session].access_until = self.now + 15 * 60 * SECOND;
            return Told::Token(live);
        }
        self.sessions[session].ended = true;
        self.reuses += 1;
        Told::Refused("invalid_refresh_token")
    }

    /// Whether the latest access token of `session` lets somebody in.
    fn enter(&self, session: usize) -> Result<(), Told> {
        if self.now >= self.sessions[session].access_until {
            return Err(Told::Refused("invalid_token"));
        }
        if self.lives(session) { Ok(()) } else { Err(Told::Refused("session_ended")) }
    }

    fn act(&mut self, session: usize, act: impl FnOnce(&mut Self) -> Told) -> Told {
        match self.enter(session) {
            Ok(()) => act(self),
            Err(told) => told,
        }
    }
}

/// The build, and what its clients hold.
struct Build {
    app: TestApp,
    users: Vec<Person>,
    /// The device cookie of each user.
    devices: Vec<String>,
    /// As in the model, by their text.
    tokens: Vec<String>,
    /// As in the model: identifier and latest access token.
    sessions: Vec<(String, Person)>,
}

impl Build {
    async fn new(table: Arc<dyn Table>) -> Self {
        let builder = TestApp::builder().var("LATCHKEY_LIMITS", "off").table(table);
        let app = builder.build(latchkey_all::function());
        let (mut users, mut devices) = (Vec::new(), Vec::new());
        for user in 0..USERS {
            users.push(Person::read(&app.send(signup_request(&email(user))).await));
            let body = json!({ "email": email(user), "password": PASSWORD });
            let answer = app.send(TestRequest::post("/v1/signin", &body)).await;
            devices.push(device_cookie(&answer));
        }
        for user in &users {
            assert_eq!(app.send(bare("POST", "/v1/signout/all", user)).await.status, 204);
        }
        Self { app, users, devices, tokens: Vec::new(), sessions: Vec::new() }
    }

    /// What an answer with tokens, or a refusal, says. New tokens are kept where the model keeps them.
    fn told(&mut self, answer: &TestResponse) -> Told {
        if !answer.status.is_success() {
            return refusal(answer);
        }
        let person = Person::read(answer);
        let id = answer.text("session.id");
        match self.sessions.iter_mut().find(|(known, _)| *known == id) {
            Some((_, holder)) => *holder = person.clone(),
            None => self.sessions.push((id, person.clone())),
        }
        if let Some(token) = self.tokens.iter().position(|token| *token == person.refresh) {
            return Told::Token(token);
        }
        self.tokens.push(person.refresh);
        Told::NewToken
    }

    /// A sign-in, with the device cookie or without.
    async fn sign_in(&self, user: usize, device: bool, password: &str) -> TestResponse {
        let request = signin_request(&email(user), password);
        self.app.send(if device { request.header("cookie", &self.devices[user]) } else { request }).await
    }

    async fn act(&self, method: &str, path: &str, session: usize) -> Told {
        let answer = self.app.send(bare(method, path, &self.sessions[session].1)).await;
        if answer.status.is_success() { Told::Done } else { refusal(&answer) }
    }

    async fn living(&self, user: usize) -> Vec<usize> {
        let services = &self.app.services;
        let user = services.users.find(self.users[user].user_id()).await.unwrap().unwrap();
        let listed = services.sessions.list(&user).await.unwrap();
        let place = |id: String| self.sessions.iter().position(|(known, _)| *known == id).unwrap();
        let mut places: Vec<_> = listed.iter().map(|session| place(session.id.to_string())).collect();
        places.sort_unstable();
        places
    }
}

fn refusal(answer: &TestResponse) -> Told {
    let codes = [
        "account_disabled",
        "invalid_credentials",
        "invalid_refresh_token",
        "invalid_token",
        "session_ended",
        "not_found",
    ];
    let code = answer.code();
    let known = codes.into_iter().find(|known| *known == code);
    Told::Refused(known.unwrap_or_else(|| panic!("an answer that no rule gives: {}", answer.json())))
}

fn email(user: usize) -> String {
    format!("user{user}@example.com")
}

async fn run(steps: Vec<Step>, table: Arc<dyn Table>) -> Result<(), TestCaseError> {
    let (mut model, mut build) = (Model::default(), Build::new(table).await);
    for step in steps {
        let (none, count) = (model.sessions.is_empty(), model.sessions.len().max(1));
        let (expected, found) = match &step {
            Step::SignIn(user, device) => {
                let answer = build.sign_in(*user, *device, PASSWORD).await;
                (model.sign_in(*user, *device), build.told(&answer))
            }
            Step::Guess(user, device, times) => {
                for _ in 0..*times {
                    let answer = build.sign_in(*user, *device, "not the right one").await;
                    prop_assert_eq!(model.guess(*user, *device), refusal(&answer), "{:?}", step);
                }
                continue;
            }
            Step::Advance(millis) => {
                model.now += millis;
                build.app.clock.advance(Duration::from_millis(*millis));
                continue;
            }
            Step::SetStatus(user, status) => {
                let disable = *status == Status::Disabled;
                if model.disabled[*user] != disable {
                    model.disabled[*user] = disable;
                    model.end_all(*user);
                }
                let (by, from) = (Authority::Operator, Requester::default());
                let id = build.users[*user].user_id();
                build.app.services.users.set_status(id, *status, by, &from).await.unwrap();
                continue;
            }
            // All others need a session to begin with.
            _ if none => continue,
            Step::Refresh(token) => {
                let token = token.index(model.tokens.len());
                let answer = build.app.send(refresh_request(&build.tokens[token])).await;
                (model.refresh(token), build.told(&answer))
            }
            Step::Show(session) => {
                let session = session.index(count);
                let show = |model: &mut Model| {
                    if model.now - model.sessions[session].seen >= DAY {
                        model.sessions[session].seen = model.now;
                    }
                    Told::Done
                };
                (model.act(session, show), build.act("GET", "/v1/session", session).await)
            }
            Step::ShowAsOfNow(session) => {
                let session = session.index(count);
                let found = build.act("GET", "/v1/authorize?signed_in=true&fresh=true", session).await;
                (model.act(session, |_| Told::Done), found)
            }
            Step::SignOut(session) => {
                let session = session.index(count);
                let out = |model: &mut Model| {
                    model.sessions[session].ended = true;
                    Told::Done
                };
                // An expired token is enough.
                let expected =
                    if model.lives(session) { out(&mut model) } else { Told::Refused("session_ended") };
                (expected, build.act("POST", "/v1/signout", session).await)
            }
            Step::SignOutEverywhere(session) => {
                let session = session.index(count);
                let out = |model: &mut Model| {
                    model.end_all(model.sessions[session].user);
                    Told::Done
                };
                (model.act(session, out), build.act("POST", "/v1/signout/all", session).await)
            }
            Step::Revoke(by, of) => {
                let (by, of) = (by.index(count), of.index(count));
                let revoke = |model: &mut Model| {
                    if model.sessions[of].user != model.sessions[by].user || !model.lives(of) {
                        return Told::Refused("not_found");
                    }
                    model.sessions[of].ended = true;
                    Told::Done
                };
                let path = format!("/v1/sessions/{}", build.sessions[of].0);
                (model.act(by, revoke), build.act("DELETE", &path, by).await)
            }
        };
        prop_assert_eq!(expected, found, "{:?}", step);
    }
    for user in 0..USERS {
        prop_assert_eq!(model.living(user), build.living(user).await);
    }
    let reused = Filter { action: Some(Action::TokenReused), limit: 200, ..Filter::default() };
    let mut reuses = 0;
    let mut page = build.app.services.audit.list(&reused).await.unwrap();
    loop {
        reuses += page.events.len();
        let Some(next) = page.next else { break };
        page = build.app.services.audit.list(&Filter { after: Some(next), ..reused.clone() }).await.unwrap();
    }
    prop_assert_eq!(model.reuses, reuses);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_of_sessions_end_as_in_the_model(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps, memory_table()))?;
    }
}

proptest! {
    // Each step is some requests there.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn over_dynamodb_they_end_as_in_the_model_too(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let emulated = Emulated::start().await;
            run(steps, emulated.open()).await
        })?;
    }
}

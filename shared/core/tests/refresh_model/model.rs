use std::sync::Arc;

use latchkey_core::port::{Entropy, EntropyError};
use latchkey_core::seal::{MasterSecrets, Sealer};
use latchkey_core::token::{LOST_RESPONSE_WINDOW, Presentation, REUSE_WINDOW, RefreshFamily, RefreshToken};
use latchkey_core::{SessionId, UserId};
use stateright::{Model, Property};

use crate::passed;
use crate::state::{Decided, Expected, Fault, Request, Session, State, Token, Write};

/// Clients that present tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presenters {
    /// One client, several requests at a time, lost responses, and a retry within a day. No pending step takes longer than the
    /// window: the server from reading to writing, and a request or a response once the next token is used. So the client
    /// presents no new token while an old request or response is pending.
    HonestClient,
    /// Anyone, any token that was ever issued, at any time: the client, and a thief who has stolen each of them.
    Anyone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Present the token with this index.
    Send(usize),
    /// The server continues with this request.
    Step(usize),
    /// The client gets the response to this request.
    Deliver(usize),
    /// The response to this request is lost.
    Lose(usize),
    Tick,
}

pub struct RefreshModel {
    sealer: Sealer,
    presenters: Presenters,
    /// Maximum number of pending requests.
    requests: usize,
    rotations: usize,
    ticks: u8,
}

/// Generator that gives the same bytes for the same request at the same version of the session, so that equal states are equal.
struct Fixed(usize, u8);

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(self.1);
        if let Some(first) = bytes.first_mut() {
            *first = u8::try_from(self.0).unwrap();
        }
        Ok(())
    }
}

impl RefreshModel {
    pub fn new(presenters: Presenters, requests: usize, rotations: usize, ticks: u8) -> Self {
        let secrets = MasterSecrets::parse("hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM").unwrap();
        Self { sealer: Sealer::new(&secrets), presenters, requests, rotations, ticks }
    }

    /// Lets the server read the session and decide. Returns `None` if the request ends here.
    fn decide(&self, state: &mut State, slot: usize, place: usize) -> Option<Request> {
        let seen = Arc::clone(&state.session);
        if seen.revoked {
            return None;
        }
        let token = state.issued.get(place).unwrap().clone();
        let decided =
            |write| Request::Decided(Decided { place, tick: state.tick, seen: Arc::clone(&seen), write });
        let (decision, request) = match seen.family.present(&token.0, state.now()).unwrap() {
            Presentation::Rotate(rotation) => {
                let (family, successor) = rotation.mint(&Fixed(slot, seen.version), &self.sealer).unwrap();
                (Some(Expected::Replace), Some(decided(Write::Replace(family, Token(Arc::new(successor))))))
            }
            Presentation::Again(live) => {
                state.answered_again = true;
                (Some(Expected::Live), self.answer(state, Token(Arc::new(live))))
            }
            Presentation::Reused => (Some(Expected::Revoke), Some(decided(Write::Revoke))),
            Presentation::Unknown => (None, None),
        };
        if decision != Some(state.expected(place)) {
            state.faults.push(Fault::OtherDecision);
        }
        request
    }

    /// Lets the server make its conditional write.
    fn store(&self, state: &mut State, decided: Decided) -> Option<Request> {
        let Decided { place, tick, seen, write } = decided;
        if state.session.version != seen.version {
            state.raced = true;
            return Some(Request::Sent(place));
        }
        let version = seen.version + 1;
        match write {
            Write::Replace(family, successor) => {
                state.session = Arc::new(Session { version, family, revoked: false });
                state.issued.push(successor.clone());
                state.used.push(tick);
                if !state.only_the_last_is_live() {
                    state.faults.push(Fault::OtherLive);
                }
                self.answer(state, successor)
            }
            Write::Revoke => {
                state.session = Arc::new(Session { version, family: seen.family.clone(), revoked: true });
                None
            }
        }
    }

    fn answer(&self, state: &mut State, token: Token) -> Option<Request> {
        if state.session.revoked {
            state.faults.push(Fault::AfterRevocation);
        }
        if state.issued.last() != Some(&token) {
            state.faults.push(Fault::NotLive);
        }
        // If anyone may present any token, the receiver of the response makes no difference.
        (self.presenters == Presenters::HonestClient).then_some(Request::Answered(token))
    }

    /// Returns true if time may move on. With the honest client, only as far as it and the server stay within the window.
    fn may_tick(&self, state: &State) -> bool {
        let next = state.tick + 1;
        let is_safe = |place: usize| {
            let is_last = place + 1 == state.used.len();
            let is_lost =
                is_last && !state.presents(place + 1) && state.is_within(place, next, LOST_RESPONSE_WINDOW);
            state.is_within(place, next, REUSE_WINDOW) || is_lost
        };
        let keeps_promise = |request: &Request| match request {
            Request::Sent(place) => is_safe(*place),
            Request::Decided(decided) => is_safe(decided.place) && passed(decided.tick, next) <= REUSE_WINDOW,
            Request::Answered(token) => is_safe(state.place(token)),
        };
        let honest = || is_safe(state.held) && state.requests.iter().flatten().all(keeps_promise);
        state.tick < self.ticks && (self.presenters == Presenters::Anyone || honest())
    }

    /// Returns true if the honest client may present the token that it holds now.
    fn may_present(state: &State) -> bool {
        let is_settled = |request: &Request| {
            let place = match request {
                Request::Sent(place) => *place,
                Request::Decided(decided) => decided.place,
                Request::Answered(token) => state.place(token),
            };
            place == state.held || state.is_within(place, state.tick, REUSE_WINDOW)
        };
        state.requests.iter().flatten().all(is_settled)
    }
}

impl Model for RefreshModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (user, session) = (UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
        let first = RefreshToken::issue(user, session, &Fixed(0, 0xff), &self.sealer).unwrap();
        let family = RefreshFamily::new(&first);
        vec![State {
            tick: 0,
            session: Arc::new(Session { version: 0, family, revoked: false }),
            requests: vec![None; self.requests],
            held: 0,
            issued: vec![Token(Arc::new(first))],
            used: Vec::new(),
            faults: Vec::new(),
            raced: false,
            answered_again: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !state.faults.is_empty() {
            return;
        }
        if state.requests.contains(&None) {
            let presentable = match self.presenters {
                Presenters::HonestClient if Self::may_present(state) => state.held..state.held + 1,
                Presenters::HonestClient => 0..0,
                Presenters::Anyone => 0..state.issued.len(),
            };
            // The token from the last rotation is not presented, so that the exploration ends.
            actions.extend(presentable.filter(|place| *place < self.rotations).map(Action::Send));
        }
        for (slot, request) in state.requests.iter().enumerate() {
            match request {
                None => {}
                Some(Request::Answered(_)) => actions.extend([Action::Deliver(slot), Action::Lose(slot)]),
                Some(_) => actions.push(Action::Step(slot)),
            }
        }
        if self.may_tick(state) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Send(place) => {
                let free = state.requests.iter_mut().find(|request| request.is_none()).unwrap();
                *free = Some(Request::Sent(place));
            }
            Action::Step(slot) => {
                let next = match state.requests.get_mut(slot).unwrap().take() {
                    Some(Request::Sent(place)) => self.decide(&mut state, slot, place),
                    Some(Request::Decided(decided)) => self.store(&mut state, decided),
                    other => other,
                };
                *state.requests.get_mut(slot).unwrap() = next;
            }
            Action::Deliver(slot) => {
                if let Some(Request::Answered(token)) = state.requests.get_mut(slot).unwrap().take() {
                    state.held = state.place(&token);
                }
            }
            Action::Lose(slot) => *state.requests.get_mut(slot).unwrap() = None,
            Action::Tick => state.tick += 1,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let (always, sometimes) = (Property::<Self>::always, Property::<Self>::sometimes);
        vec![
            always("the family decides as specified", |_, state| {
                !state.faults.contains(&Fault::OtherDecision)
            }),
            always("every answer is the live token", |_, state| !state.faults.contains(&Fault::NotLive)),
            always("nothing is handed out after a revocation", |_, state| {
                !state.faults.contains(&Fault::AfterRevocation)
            }),
            always("exactly one token is live, the last one", |_, state| {
                !state.faults.contains(&Fault::OtherLive)
            }),
            sometimes("a used token is answered", |_, state| state.answered_again),
            sometimes("a write is overtaken", |_, state| state.raced),
            sometimes("every rotation is made", |model, state| state.issued.len() > model.rotations),
            match self.presenters {
                Presenters::HonestClient => {
                    always("an honest client is never signed out", |_, state| !state.session.revoked)
                }
                Presenters::Anyone => sometimes("a session is revoked", |_, state| state.session.revoked),
            },
        ]
    }
}

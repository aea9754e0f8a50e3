use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::token::{LOST_RESPONSE_WINDOW, Presentation, REUSE_WINDOW, RefreshFamily, RefreshToken};

use crate::passed;

/// Token that can be a part of a state.
#[derive(Clone)]
pub struct Token(pub Arc<RefreshToken>);

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }
}

impl Eq for Token {}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest().hash(state);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}", self.0.generation())
    }
}

/// Session as the store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub version: u8,
    pub family: RefreshFamily,
    pub revoked: bool,
}

impl Hash for Session {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The family follows from the issued tokens and the times of their use, which every state holds.
        (self.version, self.revoked).hash(state);
    }
}

/// Pending request. Tokens are named by their index in the order of issue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// On its way to the server.
    Sent(usize),
    /// The server has read the session and decided.
    Decided(Decided),
    /// The response is on its way to the client.
    Answered(Token),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decided {
    pub place: usize,
    /// Time at which the session was read.
    pub tick: u8,
    pub seen: Arc<Session>,
    pub write: Write,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Replace(RefreshFamily, Token),
    Revoke,
}

impl Hash for Write {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Replace(_, successor) => Some(successor).hash(state),
            Self::Revoke => None::<&Token>.hash(state),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub tick: u8,
    pub session: Arc<Session>,
    pub requests: Vec<Option<Request>>,
    /// Token that the honest client holds.
    pub held: usize,
    /// Every token that was ever stored as live, in that order; the last is live.
    pub issued: Vec<Token>,
    /// Tick at which each token except the live one was used.
    pub used: Vec<u8>,
    /// Violations of the specification.
    pub faults: Vec<Fault>,
    /// True if a write was overtaken and the request started again.
    pub raced: bool,
    /// True if a used token got the live token.
    pub answered_again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The family decided differently from the specification.
    OtherDecision,
    /// A family replaces a token other than the last one issued, or none.
    OtherLive,
    /// A client got a token that is not the live one.
    NotLive,
    /// A client got a token after the session was revoked.
    AfterRevocation,
}

/// Result that the specification expects when a token is presented.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    Replace,
    Live,
    Revoke,
}

impl State {
    /// Returns the result by the order of issue. The live token is replaced. A token that was used within the window, and the
    /// last used token for a day, gets the live one. Every other token ends the session.
    pub fn expected(&self, place: usize) -> Expected {
        match self.used.get(place) {
            None => Expected::Replace,
            Some(_) if self.is_within(place, self.tick, REUSE_WINDOW) => Expected::Live,
            Some(_)
                if place + 1 == self.used.len() && self.is_within(place, self.tick, LOST_RESPONSE_WINDOW) =>
            {
                Expected::Live
            }
            Some(_) => Expected::Revoke,
        }
    }

    /// Returns true if the token with this index is live at `tick`, or was used at most `window` before it.
    pub fn is_within(&self, place: usize, tick: u8, window: Duration) -> bool {
        self.used.get(place).is_none_or(|used| passed(*used, tick) <= window)
    }

    /// Returns true if only the last of all issued tokens would be replaced. This does not depend on the time.
    pub fn only_the_last_is_live(&self) -> bool {
        let is_live = |token: &&Token| {
            matches!(self.session.family.present(&token.0, self.now()), Ok(Presentation::Rotate(_)))
        };
        self.issued.iter().filter(is_live).eq(self.issued.last())
    }

    /// Returns true if a request with the token with this index is pending.
    pub fn presents(&self, place: usize) -> bool {
        self.requests.iter().flatten().any(|request| match request {
            Request::Sent(presented) => *presented == place,
            Request::Decided(decided) => decided.place == place,
            Request::Answered(_) => false,
        })
    }

    pub fn place(&self, token: &Token) -> usize {
        self.issued.iter().position(|issued| issued == token).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_767_268_800) + passed(0, self.tick)
    }
}

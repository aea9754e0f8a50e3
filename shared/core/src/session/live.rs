use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::limit::SessionMeter;
use crate::model::permission::Grants;
use crate::model::{Session, User};
use crate::port::table::Version;
use crate::token::Claims;
use crate::{SessionId, Timestamp, UserId};

/// How old a remembered session may be: the bound on how long a revoked one is still accepted.
pub const MAX_AGE: Duration = Duration::from_mins(1);
const REMEMBERED_TOKENS: usize = 20_000;
const REMEMBERED_SESSIONS: usize = 10_000;

/// A signed-in user: their session as it was read, with their permissions compiled.
pub struct Live {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
    /// What the user's roles allow.
    pub grants: Grants,
    pub(super) version: Version,
    pub(super) loaded_at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) meter: Arc<SessionMeter>,
}

impl Live {
    /// Whether it may be used without asking the store.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        // One from the future was loaded before the clock jumped back: its age is unknown.
        self.loaded_at <= now && now < self.until
    }
}

/// What a process remembers of tokens and sessions: plain data of bounded size, which any request may use.
pub struct SessionMemory {
    /// Access tokens whose signature was verified, by the end of their text.
    tokens: Cache<End, Arc<VerifiedToken>>,
    live: Cache<SessionId, Arc<Live>>,
    /// Counts of requests. They outlive what was read of a session: the count belongs to the session itself.
    meters: Cache<SessionId, Arc<SessionMeter>>,
    ended: Mutex<Option<EndOfSessions>>,
}

/// When the sessions of everybody were ended, if ever, and when that was read.
#[derive(Clone, Copy)]
pub(super) struct EndOfSessions {
    pub before: Option<Timestamp>,
    pub read_at: Timestamp,
}

/// The end of a token: 96 bits of its signature, which differ from token to token.
type End = [u8; 16];

/// A token and what it says.
pub(super) struct VerifiedToken {
    pub token: Box<str>,
    pub claims: Claims,
}

impl Default for SessionMemory {
    fn default() -> Self {
        Self {
            tokens: Cache::new(REMEMBERED_TOKENS),
            live: Cache::new(REMEMBERED_SESSIONS),
            meters: Cache::new(REMEMBERED_SESSIONS),
            ended: Mutex::default(),
        }
    }
}

impl SessionMemory {
    /// What `token` says, when this very text was verified before.
    pub(super) fn verified(&self, token: &[u8]) -> Option<Arc<VerifiedToken>> {
        let known = self.tokens.get::<End>(token.last_chunk()?)?;
        // The end only finds the entry. What was verified is the whole text.
        (known.token.as_bytes() == token).then_some(known)
    }

    pub(super) fn remember_token(&self, token: &str, claims: Claims) -> Arc<VerifiedToken> {
        let verified = Arc::new(VerifiedToken { token: token.into(), claims });
        if let Some(end) = token.as_bytes().last_chunk() {
            self.tokens.insert(*end, Arc::clone(&verified));
        }
        verified
    }

    pub(super) fn live(&self, session: SessionId) -> Option<Arc<Live>> {
        self.live.get(&session)
    }

    pub(super) fn remember(&self, live: Arc<Live>) {
        self.live.insert(live.session.id, live);
    }

    /// The meter of a session's requests in this process: one for reads, refreshes and sign-outs.
    pub(super) fn meter(&self, session: SessionId) -> Arc<SessionMeter> {
        if let Some(meter) = self.meters.get(&session) {
            return meter;
        }
        let meter = Arc::new(SessionMeter::default());
        self.meters.insert(session, Arc::clone(&meter));
        meter
    }

    /// Forgets a session, after this process ended it.
    pub fn forget(&self, session: SessionId) {
        self.live.remove(&session);
    }

    /// Forgets every session of a user, after this process changed what they are or may.
    pub fn forget_user(&self, user: UserId) {
        self.live.retain(|_, live| live.user.id != user);
    }

    /// The end of everybody's sessions, where that was read within [`MAX_AGE`].
    pub(super) fn ended(&self, now: Timestamp) -> Option<EndOfSessions> {
        let known = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|known| known.read_at <= now && now.since(known.read_at) < MAX_AGE)
    }

    pub(super) fn remember_ended(&self, ended: EndOfSessions) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }

    /// Forgets every session, after this process changed the roles or ended all sessions.
    pub fn forget_all(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.live.clear();
    }
}

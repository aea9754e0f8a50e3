use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::limit::SessionMeter;
use crate::model::permission::Grants;
use crate::model::{Session, User};
use crate::port::table::Version;
use crate::token::Claims;
use crate::{SessionId, Timestamp, UserId};

/// Maximum age of a session in memory. It bounds the time for which a revoked session is still accepted.
pub const MAX_AGE: Duration = Duration::from_mins(1);
const REMEMBERED_TOKENS: usize = 20_000;
const REMEMBERED_SESSIONS: usize = 10_000;

/// Signed-in user: the session as it was read, with compiled permissions.
pub struct Live {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
    /// Permissions of the user's roles.
    pub grants: Grants,
    pub(super) version: Version,
    pub(super) loaded_at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) meter: Arc<SessionMeter>,
}

impl Live {
    /// Returns true if it may be used without reading the store.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        // A session loaded at a later time than now was loaded before the clock jumped back, so its age is unknown.
        self.loaded_at <= now && now < self.until
    }
}

/// Tokens and sessions in the memory of a process: plain data of bounded size that any request may use.
pub struct SessionMemory {
    /// Access tokens with verified signatures, by the end of their text.
    tokens: Cache<End, Arc<VerifiedToken>>,
    live: Cache<SessionId, Arc<Live>>,
    /// Request counts. They outlive the copy of a session because they belong to the session itself.
    meters: Cache<SessionId, Arc<SessionMeter>>,
    ended: Mutex<Option<EndOfSessions>>,
}

/// Time at which the sessions of all users were ended, if ever, and the time of that read.
#[derive(Clone, Copy)]
pub(super) struct EndOfSessions {
    pub before: Option<Timestamp>,
    pub read_at: Timestamp,
}

/// End of a token: 96 bits of its signature, which differ between tokens.
type End = [u8; 16];

/// Verified token and its claims.
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
    /// Returns the verified token if this exact text was verified before.
    pub(super) fn verified(&self, token: &[u8]) -> Option<Arc<VerifiedToken>> {
        let known = self.tokens.get::<End>(token.last_chunk()?)?;
        // The end only finds the entry. The whole text was verified, so compare all of it.
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

    /// Returns the meter of a session's requests in this process, shared by reads, refreshes and sign-outs.
    pub(super) fn meter(&self, session: SessionId) -> Arc<SessionMeter> {
        if let Some(meter) = self.meters.get(&session) {
            return meter;
        }
        let meter = Arc::new(SessionMeter::default());
        self.meters.insert(session, Arc::clone(&meter));
        meter
    }

    /// Removes a session from memory, after this process ended it.
    pub fn forget(&self, session: SessionId) {
        self.live.remove(&session);
    }

    /// Removes all sessions of a user from memory, after this process changed the user or their permissions.
    pub fn forget_user(&self, user: UserId) {
        self.live.retain(|_, live| live.user.id != user);
    }

    /// Returns the end of all users' sessions, if it was read within [`MAX_AGE`].
    pub(super) fn ended(&self, now: Timestamp) -> Option<EndOfSessions> {
        let known = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|known| known.read_at <= now && now.since(known.read_at) < MAX_AGE)
    }

    pub(super) fn remember_ended(&self, ended: EndOfSessions) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }

    /// Removes all sessions from memory, after this process changed the roles or ended all sessions.
    pub fn forget_all(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.live.clear();
    }
}

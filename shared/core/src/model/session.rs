use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::audit::UserAgent;
use crate::model::store::Key;
use crate::model::{RefreshFamily, SessionId, Timestamp, User, UserId};

const DAY: Duration = Duration::from_hours(24);
/// Idle time after which a session ends.
pub const IDLE_LIFETIME: Duration = Duration::from_hours(168);
/// Time after its sign-in at which a session ends, even if it is used.
pub const ABSOLUTE_LIFETIME: Duration = Duration::from_hours(720);
/// Minimum time between two writes that only update `seen_at` of a session.
pub const SEEN_EVERY: Duration = DAY;

/// Time after a sign-in within which the user may change how they sign in.
pub const RECENT_SIGN_IN: Duration = Duration::from_mins(10);

/// Error: the sign-in is too long ago for this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs a sign-in within the last 10 minutes: sign in again")]
pub struct ReauthenticationRequired;

/// Way in which the client stores its tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In `HttpOnly` cookies: browsers.
    #[default]
    Cookie,
    /// In its own storage, sent as `Authorization: Bearer` (RFC 6750): all other clients.
    Bearer,
}

/// One sign-in on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Identifier; the `sid` of its access tokens.
    pub id: SessionId,
    /// Owner of the session.
    pub user_id: UserId,
    /// Session version of the user when the session started. The session is live while the user has the same one.
    #[serde(rename = "epoch")]
    pub session_version: u32,
    /// Start of the session.
    pub created_at: Timestamp,
    /// Time at which it was last seen, to within [`SEEN_EVERY`].
    pub seen_at: Timestamp,
    /// Way in which its client stores its tokens.
    pub transport: Transport,
    /// Client address at the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// Client that started it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<UserAgent>,
    /// Its refresh tokens.
    pub family: RefreshFamily,
}

impl Session {
    /// Prefix of the sort keys of a user's sessions.
    pub(crate) const PREFIX: &'static str = "session#";

    /// Returns the key of the session.
    pub fn key(user: UserId, session: SessionId) -> Key {
        Key::new(User::partition(user), format!("{}{session}", Self::PREFIX))
    }

    /// Returns the time at which it ends if it is not seen again.
    pub fn ends_at(&self) -> Timestamp {
        (self.seen_at + IDLE_LIFETIME).min(self.created_at + ABSOLUTE_LIFETIME)
    }

    /// Returns true if it ended with the sessions of all users, given that those that started before `from` have ended.
    pub(crate) fn is_ended(&self, from: Option<Timestamp>) -> bool {
        from.is_some_and(|from| self.created_at < from)
    }

    /// Returns true if it is a live session of `user`.
    pub fn lives(&self, user: &User, now: Timestamp) -> bool {
        self.user_id == user.id
            && self.session_version == user.session_version
            && user.is_active()
            && now < self.ends_at()
    }

    /// Refuses a session whose sign-in is more than [`RECENT_SIGN_IN`] ago. A refresh does not count: only a new sign-in does,
    /// which starts a new session.
    pub fn demand_recent_sign_in(&self, now: Timestamp) -> Result<(), ReauthenticationRequired> {
        if now.since(self.created_at) <= RECENT_SIGN_IN { Ok(()) } else { Err(ReauthenticationRequired) }
    }

    /// Returns true if `seen_at` is due to be written.
    pub(crate) fn is_seen_long_ago(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= SEEN_EVERY
    }
}

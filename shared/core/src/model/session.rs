use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::audit::UserAgent;
use crate::model::store::Key;
use crate::model::{RefreshFamily, SessionId, Timestamp, User, UserId};

const DAY: Duration = Duration::from_hours(24);
/// A session that is not seen for this long ends.
pub const IDLE_LIFETIME: Duration = Duration::from_hours(168);
/// A session ends this long after its sign-in, however much it is used.
pub const ABSOLUTE_LIFETIME: Duration = Duration::from_hours(720);
/// A session that is used is written anew at most this often, only to say that it was seen.
pub const SEEN_EVERY: Duration = DAY;

/// How long after a sign-in the ways into an account may be changed.
pub const RECENT_SIGN_IN: Duration = Duration::from_mins(10);

/// The sign-in is too long ago for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs a sign-in within the last 10 minutes: sign in again")]
pub struct ReauthenticationRequired;

/// How the client holds its tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In `HttpOnly` cookies: browsers.
    #[default]
    Cookie,
    /// In its own storage, sent as `Authorization: Bearer` (RFC 6750): everything else.
    Bearer,
}

/// One sign-in on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The user's session version when it began; it lives while the user's is the same.
    #[serde(rename = "epoch")]
    pub session_version: u32,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen, to within [`SEEN_EVERY`].
    pub seen_at: Timestamp,
    /// How its client holds its tokens.
    pub transport: Transport,
    /// The address it began from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// The client that began it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<UserAgent>,
    /// Its refresh tokens.
    pub family: RefreshFamily,
}

impl Session {
    /// What the sort keys of a user's sessions begin with.
    pub(crate) const PREFIX: &'static str = "session#";

    /// Where the session is.
    pub fn key(user: UserId, session: SessionId) -> Key {
        Key::new(User::partition(user), format!("{}{session}", Self::PREFIX))
    }

    /// When it ends if it is not seen again.
    pub fn ends_at(&self) -> Timestamp {
        (self.seen_at + IDLE_LIFETIME).min(self.created_at + ABSOLUTE_LIFETIME)
    }

    /// Whether it ended with everybody's, if those that began before `from` did.
    pub(crate) fn is_ended(&self, from: Option<Timestamp>) -> bool {
        from.is_some_and(|from| self.created_at < from)
    }

    /// Whether it still speaks for `user`.
    pub fn lives(&self, user: &User, now: Timestamp) -> bool {
        self.user_id == user.id
            && self.session_version == user.session_version
            && user.is_active()
            && now < self.ends_at()
    }

    /// Refuses a session whose sign-in is over [`RECENT_SIGN_IN`] ago. A refresh prolongs the session and not this: only a new
    /// sign-in does, and it begins a session of its own.
    pub fn demand_recent_sign_in(&self, now: Timestamp) -> Result<(), ReauthenticationRequired> {
        if now.since(self.created_at) <= RECENT_SIGN_IN { Ok(()) } else { Err(ReauthenticationRequired) }
    }

    /// Whether it is time to write that it was seen.
    pub(crate) fn is_seen_long_ago(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= SEEN_EVERY
    }
}

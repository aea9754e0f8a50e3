//! Events of the audit log.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{ClientAddress, EventId, Timestamp, UserId};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What happened, written `noun:outcome`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// An account was made.
    SignupSucceeded = "signup:succeeded",
    /// A sign-up named an e-mail address that already has an account.
    SignupRefused = "signup:refused",
    /// The owner changed the password; every other session ended.
    PasswordChanged = "password:changed",
    /// A session began.
    SigninSucceeded = "signin:succeeded",
    /// A wrong password, or an unknown e-mail address.
    SigninFailed = "signin:failed",
    /// The wrong password that locked the account for a time.
    SigninLocked = "signin:locked",
    /// The wrong password after which none is tried any more.
    SigninStopped = "signin:stopped",
    /// The operator ended a lock or a stop.
    SigninUnlocked = "signin:unlocked",
    /// A password that was not tried, since the account is locked or stopped; or the right one for a disabled account. The
    /// details say which.
    SigninRefused = "signin:refused",
    /// Somebody came back from a provider and was not let in; the details say why.
    OauthFailed = "oauth:failed",
    /// A provider vouched for somebody, and their app got a one-time code.
    CodeIssued = "code:issued",
    /// A one-time code came with the wrong verifier, or to an account that had changed; it was used up.
    CodeRefused = "code:refused",
    /// A one-time code was presented again after its exchange; the session that it gave was revoked.
    CodeReplayed = "code:replayed",
    /// An identity at a provider was linked to an account.
    IdentityLinked = "identity:linked",
    /// An identity was taken from an account.
    IdentityUnlinked = "identity:unlinked",
    /// The operator moved an identity to another issuer.
    IdentityMoved = "identity:moved",
    /// An identity was not linked, or not taken away.
    IdentityRefused = "identity:refused",
    /// An access token of a provider was given to a server that acts for the account's owner.
    ProviderTokenIssued = "identity:token_issued",
    /// A refresh token was presented again after its window; its session was revoked.
    TokenReused = "token:reused",
    /// The owner ended one session, this or another.
    SessionRevoked = "session:revoked",
    /// Every session of the account was ended.
    SessionsRevoked = "session:all_revoked",
    /// A request was refused for want of a permission.
    PermissionDenied = "permission:denied",
    /// A request was refused that its caller may not make, whatever their permissions say of it; the details have the code of
    /// the response.
    AuthorityRefused = "authority:refused",
    /// A request was refused that a page of another site made.
    RequestForged = "request:forged",
    /// A request came past a limit; once a minute for each client.
    RequestLimited = "request:limited",
    /// A refresh token or a one-time code was refused: it has ended, or never was one; once a minute for each client.
    TokenRefused = "token:refused",
    /// A role was made or changed.
    RolePut = "role:put",
    /// A role was deleted.
    RoleDeleted = "role:deleted",
    /// A role was granted to an account.
    RoleGranted = "role:granted",
    /// A role was taken from an account.
    RoleRevoked = "role:revoked",
    /// An account was disabled.
    UserDisabled = "user:disabled",
    /// A disabled account was enabled again.
    UserEnabled = "user:enabled",
    /// An account's profile was changed.
    UserUpdated = "user:updated",
    /// An account gave way: its address was never verified, and its owner came by a provider that vouches for it.
    UserDisplaced = "user:displaced",
    /// An account was deleted.
    UserDeleted = "user:deleted",
    /// The sessions of everybody were ended.
    SessionsEnded = "sessions:ended",
    /// The signing keys were rotated.
    KeysRotated = "keys:rotated",
    /// Everything that is stored sealed was moved under the current secret.
    SecretsResealed = "secrets:resealed",
}

/// The text names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such action; expected one such as `signin:failed`")]
pub struct UnknownAction;

impl FromStr for Action {
    type Err = UnknownAction;
    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}

impl TryFrom<String> for Action {
    type Error = UnknownAction;
    fn try_from(text: String) -> Result<Self, UnknownAction> {
        text.parse()
    }
}

impl From<Action> for &'static str {
    fn from(action: Action) -> Self {
        action.as_str()
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in user.
    User(UserId),
    /// The `latchkey` command on the server itself.
    Operator,
    /// Latchkey, by one of its own rules.
    System,
}

/// A client's `User-Agent`, cut to 256 characters, without control characters: it ends up in logs and on pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAgent(String);

impl UserAgent {
    /// From a header's text.
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(256).collect())
    }

    /// The cleaned text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// The client's address; none for the command line.
    pub address: Option<ClientAddress>,
    /// The client's own description.
    pub user_agent: Option<UserAgent>,
}

/// One line of the audit log. Holds no secret and no password; what was typed as an unknown e-mail address is not kept either,
/// since people type passwords there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Sorts by time.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Who did it.
    pub actor: Actor,
    /// Whose account it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<UserId>,
    /// What else it is about, such as `session:<id>` or `role:editor`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource: Option<String>,
    /// The client's address, in full.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// The client's own description.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<UserAgent>,
    /// What was there before, where something changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// What is there now, where something changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
    /// More, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub details: BTreeMap<String, String>,
}

impl Event {
    /// The same with what something was and what it is now; nothing where it was not there, or is not any more.
    #[must_use]
    pub fn changing<T: Serialize>(mut self, before: Option<&T>, after: Option<&T>) -> Self {
        let value = |part: &T| serde_json::to_value(part).unwrap_or_default();
        self.before = before.map(value);
        self.after = after.map(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_names_are_distinct_and_parse_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
    }

    #[test]
    fn a_user_agent_cannot_break_a_log_line() {
        let agent = UserAgent::new(&format!("curl\r\nforged: line\u{1b}[31m{}", "x".repeat(9000)));
        assert_eq!(agent.as_str().chars().count(), 256);
        assert!(agent.as_str().starts_with("curlforged: line[31m"));
    }
}

//! Events of the audit log.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{ClientAddress, EventId, Timestamp, UserId};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Kind of event, written `noun:outcome`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// All actions.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns its stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// An account was created.
    SignupSucceeded = "signup:succeeded",
    /// A sign-up named an e-mail address that already has an account.
    SignupRefused = "signup:refused",
    /// The owner changed the password; every other session ended.
    PasswordChanged = "password:changed",
    /// A session started.
    SigninSucceeded = "signin:succeeded",
    /// The password was wrong, or the e-mail address unknown.
    SigninFailed = "signin:failed",
    /// A wrong password locked the account for a time.
    SigninLocked = "signin:locked",
    /// A wrong password stopped the account: no further password is tried.
    SigninStopped = "signin:stopped",
    /// The operator ended a lock or a stop.
    SigninUnlocked = "signin:unlocked",
    /// A password was not tried because the account is locked or stopped, or the right password came for a disabled account.
    /// The details give the reason.
    SigninRefused = "signin:refused",
    /// A user returned from a provider and was not signed in; the details give the reason.
    OauthFailed = "oauth:failed",
    /// A provider authenticated a user, and their app got a one-time code.
    CodeIssued = "code:issued",
    /// A one-time code came with the wrong verifier, or for an account that had changed. The code was consumed.
    CodeRefused = "code:refused",
    /// A one-time code was presented again after its exchange; the session from that exchange was revoked.
    CodeReplayed = "code:replayed",
    /// An identity at a provider was linked to an account.
    IdentityLinked = "identity:linked",
    /// An identity was removed from an account.
    IdentityUnlinked = "identity:unlinked",
    /// The operator moved an identity to another issuer.
    IdentityMoved = "identity:moved",
    /// A request to link or remove an identity was refused.
    IdentityRefused = "identity:refused",
    /// An access token of a provider was given to a server that acts for the owner of the account.
    ProviderTokenIssued = "identity:token_issued",
    /// A refresh token was presented again after its reuse window; its session was revoked.
    TokenReused = "token:reused",
    /// The owner ended one session, the current one or another.
    SessionRevoked = "session:revoked",
    /// All sessions of the account were ended.
    SessionsRevoked = "session:all_revoked",
    /// A request was refused because a permission is missing.
    PermissionDenied = "permission:denied",
    /// A request was refused that its caller may not make, independent of the permission. The details hold the code of the
    /// response.
    AuthorityRefused = "authority:refused",
    /// A request from a page of another site was refused.
    RequestForged = "request:forged",
    /// A request exceeded a limit. Logged once a minute for each client.
    RequestLimited = "request:limited",
    /// A refresh token or a one-time code was refused because it has ended or never existed. Logged once a minute for each
    /// client.
    TokenRefused = "token:refused",
    /// A role was created or changed.
    RolePut = "role:put",
    /// A role was deleted.
    RoleDeleted = "role:deleted",
    /// A role was granted to an account.
    RoleGranted = "role:granted",
    /// A role was removed from an account.
    RoleRevoked = "role:revoked",
    /// An account was disabled.
    UserDisabled = "user:disabled",
    /// A disabled account was enabled again.
    UserEnabled = "user:enabled",
    /// An account's profile was changed.
    UserUpdated = "user:updated",
    /// An account was deleted because its address was never verified and the owner of the address signed in with a provider that
    /// vouches for it.
    UserDisplaced = "user:displaced",
    /// An account was deleted.
    UserDeleted = "user:deleted",
    /// The sessions of all users were ended.
    SessionsEnded = "sessions:ended",
    /// The signing keys were rotated.
    KeysRotated = "keys:rotated",
    /// All sealed data was sealed again with the current secret.
    SecretsResealed = "secrets:resealed",
}

/// Error: the text does not name an action.
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

/// Cause of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person who is not signed in.
    Anonymous,
    /// A signed-in user.
    User(UserId),
    /// The `latchkey` command on the server.
    Operator,
    /// Latchkey itself, by one of its rules.
    System,
}

/// `User-Agent` of a client, cut to 256 characters and without control characters, because logs and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAgent(String);

impl UserAgent {
    /// Cleans the text of a header.
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(256).collect())
    }

    /// Returns the cleaned text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Origin of a request.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// Client address; `None` for the command line.
    pub address: Option<ClientAddress>,
    /// `User-Agent` of the client.
    pub user_agent: Option<UserAgent>,
}

/// Entry of the audit log. It holds no secret and no password. It does not hold an unknown e-mail address as typed either,
/// because people type passwords there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Identifier, which sorts by time.
    pub id: EventId,
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of event.
    pub action: Action,
    /// Cause of the event.
    pub actor: Actor,
    /// User whose account is concerned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<UserId>,
    /// Other resource that is concerned, such as `session:<id>` or `role:editor`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource: Option<String>,
    /// Client address, in full.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// `User-Agent` of the client.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<UserAgent>,
    /// State before a change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// State after a change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
    /// Further details, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub details: BTreeMap<String, String>,
}

impl Event {
    /// Adds the states before and after a change. `None` means that the object did not exist before, or no longer exists.
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

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::identity::{Avatar, Handle, Identity, IdentityHash, ProviderName};
use crate::model::permission::{Holder, RoleName};
use crate::model::shards;
use crate::model::store::{Item, Key};
use crate::model::{Email, Timestamp, UserId};

/// Status of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The account may be used.
    Active,
    /// An administrator has disabled the account: no sign-in works, and none of its sessions is live.
    Disabled,
}

/// Display name of a person: 1 to 100 characters, without control characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Error: the text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name: expected 1 to 100 characters without line breaks")]
pub struct InvalidName;

impl Name {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.trim();
        let fits = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if fits { Ok(Self(name.to_owned())) } else { Err(InvalidName) }
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl fmt::Debug for Name {
    // Personal data: a stray {:?} in a log line must not expose it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(…)")
    }
}

/// User account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Identifier, which never changes.
    pub id: UserId,
    /// E-mail address that they sign in with.
    pub email: Email,
    /// True if they have proved that the address is theirs.
    pub email_verified: bool,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Name>,
    /// Unique public name. Accounts created with a provider have one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handle: Option<Handle>,
    /// Picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub avatar: Option<Avatar>,
    /// Status of the account.
    pub status: Status,
    /// Roles that they hold.
    pub roles: BTreeSet<RoleName>,
    /// Identities that they sign in with, at most one of each provider. Every change of the user finds its identities here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub identities: BTreeMap<ProviderName, IdentityHash>,
    /// Session version. A session is live while it carries the same number, so raising it ends all sessions in one write.
    #[serde(rename = "epoch")]
    pub session_version: u32,
    /// Time at which the account was created.
    pub created_at: Timestamp,
}

impl User {
    /// Returns the user as a holder of roles. A user who may not sign in has none.
    pub fn holder(id: UserId) -> Holder {
        let roles = |item: &Item| {
            let user: Self = item.decode()?;
            Ok(if user.is_active() { user.roles } else { BTreeSet::new() })
        };
        Holder { id, key: Self::key, roles }
    }

    /// Returns true if the account may be used.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Returns the partition of all items of this user.
    pub fn partition(id: UserId) -> String {
        format!("user#{id}")
    }

    /// Returns the key of the user.
    pub fn key(id: UserId) -> Key {
        Key::new(Self::partition(id), "user")
    }

    /// Index list of all users by creation time, spread over [`shards`].
    pub(crate) const LIST: &'static str = "users";

    /// Returns the index key of this user in the list of all users.
    pub(crate) fn index_key(id: UserId) -> Key {
        Key::new(shards::partition(Self::LIST, id.as_bytes()), id.to_string())
    }

    /// Returns the keys of the identities of this user.
    pub(crate) fn identity_keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.identities.values().map(Identity::key)
    }

    /// Returns true if it is an active account with the role `admin`.
    pub(crate) fn is_admin(&self) -> bool {
        self.is_active() && self.roles.contains(&RoleName::ADMIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_of_bounded_length() {
        assert_eq!("  Ada Lovelace ".parse::<Name>().unwrap().as_str(), "Ada Lovelace");
        for bad in ["", "   ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert_eq!(bad.parse::<Name>(), Err(InvalidName), "{bad:?}");
        }
    }
}

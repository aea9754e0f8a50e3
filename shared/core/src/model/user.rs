use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::identity::{Avatar, Handle, Identity, IdentityHash, ProviderName};
use crate::model::permission::{Holder, RoleName};
use crate::model::shards;
use crate::model::store::{Item, Key};
use crate::model::{Email, Timestamp, UserId};

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may.
    Active,
    /// An administrator has disabled it: no sign-in, and no session of it lives.
    Disabled,
}

/// What a person is called: 1 to 100 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The text is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name: expected 1 to 100 characters without line breaks")]
pub struct InvalidName;

impl Name {
    /// The name.
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
    // Personal data: a stray {:?} in a log line must not carry it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(…)")
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Never changes.
    pub id: UserId,
    /// The address they sign in with.
    pub email: Email,
    /// Whether they have proved that the address is theirs.
    pub email_verified: bool,
    /// What they are called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Name>,
    /// Their public name, which no other account has; accounts made with a provider have one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handle: Option<Handle>,
    /// Their picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub avatar: Option<Avatar>,
    /// Whether the account may be used.
    pub status: Status,
    /// The roles they hold.
    pub roles: BTreeSet<RoleName>,
    /// The identities they sign in with, at most one of each provider. Whatever changes the user finds them by this.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub identities: BTreeMap<ProviderName, IdentityHash>,
    /// A session lives while it carries this number: raising it ends all sessions in one write.
    #[serde(rename = "epoch")]
    pub session_version: u32,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// Where the store says which roles somebody holds; none once they may not sign in.
    pub fn holder(id: UserId) -> Holder {
        let roles = |item: &Item| {
            let user: Self = item.decode()?;
            Ok(if user.is_active() { user.roles } else { BTreeSet::new() })
        };
        Holder { id, key: Self::key, roles }
    }

    /// Whether the account may be used.
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// The partition of everything that belongs to this user.
    pub fn partition(id: UserId) -> String {
        format!("user#{id}")
    }

    /// Where the user is.
    pub fn key(id: UserId) -> Key {
        Key::new(Self::partition(id), "user")
    }

    /// The list of all users by when they were made, in the index; spread over [`shards`].
    pub(crate) const LIST: &'static str = "users";

    /// This user's place in the list of all users.
    pub(crate) fn index_key(id: UserId) -> Key {
        Key::new(shards::partition(Self::LIST, id.as_bytes()), id.to_string())
    }

    /// Where the identities of this user are.
    pub(crate) fn identity_keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.identities.values().map(Identity::key)
    }

    /// Whether it is an active account with the role `admin`.
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

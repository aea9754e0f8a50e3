use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::identity::{ExternalIdentity, Issuer, ProviderName, ProviderProfile, Subject};
use crate::model::store::{Key, Version};
use crate::model::{Sealed, Timestamp, User};

/// Maximum number of identities of one account. A change of the account writes each of them.
pub const MAX_IDENTITIES: usize = 10;

/// Hash of an issuer and a subject for keys: the SHA-256 of both as base64url. The two may be longer than a key, and a subject
/// is personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityHash(String);

impl IdentityHash {
    /// Returns the hash of `subject` at `issuer`.
    pub fn of(issuer: &Issuer, subject: &Subject) -> Self {
        // Neither has a line break, so the text has one reading.
        let both = format!("{issuer}\n{}", subject.as_str());
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(both)))
    }
}

impl fmt::Display for IdentityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Data that a sign-in with a provider needs, stored under issuer and subject: the only strongly consistent read of such a
/// sign-in. Like that of the login, its copy of the user is written in the same commit as the user itself, so the two never
/// differ. An existing item makes the identity taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Owner of the identity.
    pub user: User,
    /// Name of the provider.
    pub provider: ProviderName,
    /// Issuer that vouches for the person.
    pub issuer: Issuer,
    /// Identifier of the person at the issuer.
    pub subject: Subject,
    /// Profile that the provider sent last.
    #[serde(default)]
    pub profile: ProviderProfile,
    /// Time at which it was linked to the user.
    pub linked_at: Timestamp,
    /// Time of the last sign-in with it, to within a minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_sign_in: Option<Timestamp>,
    /// Provider refresh token, if such tokens are stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[serde(rename = "grant")]
    pub(crate) refresh_token: Option<Sealed>,
    /// Present while the identity is the only way to sign in to the account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sole: Option<Sole>,
}

/// Versions of user and login as of the commit that wrote them into an identity. While the identity is the only way to sign in,
/// every write of the user or the login also writes the identity, so the versions are exact. A sign-in that stores a new
/// profile can therefore write all three items without reading user and login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sole {
    user: u64,
    login: u64,
}

impl Sole {
    pub(crate) fn new(user: Version, login: Version) -> Self {
        Self { user: user.0, login: login.0 }
    }

    pub(crate) fn versions(self) -> (Version, Version) {
        (Version(self.user), Version(self.login))
    }
}

impl Identity {
    /// Returns the key of the identity.
    pub fn key(hash: &IdentityHash) -> Key {
        Key::new(format!("identity#{hash}"), "identity")
    }

    /// Returns the key of the identity that a provider vouches for.
    pub(crate) fn key_of(external: &ExternalIdentity) -> Key {
        Self::key(&IdentityHash::of(&external.issuer, &external.subject))
    }

    /// Returns its hash, by which the account refers to it.
    pub(crate) fn hash(&self) -> IdentityHash {
        IdentityHash::of(&self.issuer, &self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_issuer_and_one_subject() {
        let key = |issuer: &str, subject: &str| {
            let hash = IdentityHash::of(&issuer.parse().unwrap(), &subject.parse().unwrap());
            Identity::key(&hash).to_string()
        };
        let keys = [
            key("https://a.example", "abc"),
            key("https://a.example", "ABC"),
            key("https://b.example", "abc"),
            key("https://a.examplea", "bc"),
            key("https://a.example/", "abc"),
        ];
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
        assert!(key("https://a.example", &"ü".repeat(127)).len() < 100);
    }
}

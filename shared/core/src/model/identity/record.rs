use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::identity::{ExternalIdentity, Issuer, ProviderName, ProviderProfile, Subject};
use crate::model::store::{Key, Version};
use crate::model::{Sealed, Timestamp, User};

/// The most identities that one account may have: a change of the account writes each of them.
pub const MAX_IDENTITIES: usize = 10;

/// Stands for an issuer and a subject in keys: the SHA-256 of both as base64url. They may be longer than a key, and a subject is
/// personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityHash(String);

impl IdentityHash {
    /// The hash of what `issuer` calls `subject`.
    pub fn of(issuer: &Issuer, subject: &Subject) -> Self {
        // Neither has a line break, so the two parts have one reading.
        let both = format!("{issuer}\n{}", subject.as_str());
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(both)))
    }
}

impl fmt::Display for IdentityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that a sign-in with a provider needs, under issuer and subject: the one strong read of it. Like the login's, its copy
/// of the user is written in the same commit as the user itself, so the two never differ. Being there makes the identity taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Whose it is.
    pub user: User,
    /// What the provider is called here.
    pub provider: ProviderName,
    /// Which issuer vouches for them.
    pub issuer: Issuer,
    /// Who they are there.
    pub subject: Subject,
    /// What the provider last said of them.
    #[serde(default)]
    pub profile: ProviderProfile,
    /// When it became theirs.
    pub linked_at: Timestamp,
    /// When it was last used to sign in, to within a minute.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_sign_in: Option<Timestamp>,
    /// The provider's refresh token, where such are kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[serde(rename = "grant")]
    pub(crate) refresh_token: Option<Sealed>,
    /// Present while it is the account's only way in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sole: Option<Sole>,
}

/// The versions of user and login as of the commit that wrote them into an identity. While the identity is the only way in,
/// nothing writes the one or the other without it, so they are exact: a sign-in that takes over a new profile can write all
/// three without reading them.
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
    /// Where the identity is.
    pub fn key(hash: &IdentityHash) -> Key {
        Key::new(format!("identity#{hash}"), "identity")
    }

    /// Where the identity is that a provider vouches for.
    pub(crate) fn key_of(external: &ExternalIdentity) -> Key {
        Self::key(&IdentityHash::of(&external.issuer, &external.subject))
    }

    /// Its name among those of its account.
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

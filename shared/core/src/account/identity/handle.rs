use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::oauth::ExternalIdentity;
use crate::port::table::Key;
use crate::port::{Entropy, EntropyError};

const MIN: usize = 4;
const MAX: usize = 15;
/// What somebody is called whose provider says nothing that could be a handle.
const NOBODY: &str = "user";
/// What a reader would take for the service itself, or a program for a path.
const RESERVED: [&str; 12] = [
    "abuse",
    "admin",
    "administrator",
    "help",
    "latchkey",
    "moderator",
    "null",
    "official",
    "root",
    "security",
    "support",
    "system",
];

/// The public name of an account, which no other has: 4 to 15 lower-case letters and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(String);

/// The text is no [`Handle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a handle: expected 4 to 15 lower-case letters and digits")]
pub struct InvalidHandle;

impl Handle {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the item is that makes it taken.
    pub fn key(&self) -> Key {
        Key::new(format!("handle#{}", self.0), "handle")
    }

    /// A handle for a new account: after the user name at the provider, else after the name, and with more random digits the
    /// more attempts were in vain. Whether it is free, only the commit that takes it can tell.
    pub(super) fn candidate(
        external: &ExternalIdentity,
        attempt: usize,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let texts = [external.username.as_deref(), external.name.as_deref()];
        let base = texts.into_iter().flatten().map(fold).find(|base| !base.is_empty());
        if let Some(base) = base.as_deref()
            && attempt == 0
            && base.len() >= MIN
            && !RESERVED.contains(&base)
        {
            return Ok(Self(base.to_owned()));
        }
        let digits = (3 + 2 * attempt).min(11);
        let stem: String = base.as_deref().unwrap_or(NOBODY).chars().take(MAX - digits).collect();
        Ok(Self(format!("{stem}{}", random_digits(digits, entropy)?)))
    }
}

/// Letters and digits of `text` in ASCII: `Zoë-Müller` is `zoemuller`.
fn fold(text: &str) -> String {
    // A bound before any work: one character can become many.
    let ascii = text.chars().take(100).nfkd().filter(char::is_ascii_alphanumeric);
    ascii.map(|c| c.to_ascii_lowercase()).take(MAX).collect()
}

fn random_digits(count: usize, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let random = u64::from_be_bytes(entropy.bytes()?);
    Ok(format!("{random:020}").chars().rev().take(count).collect())
}

impl FromStr for Handle {
    type Err = InvalidHandle;
    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (MIN..=MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidHandle) }
    }
}

impl TryFrom<String> for Handle {
    type Error = InvalidHandle;
    fn try_from(text: String) -> Result<Self, InvalidHandle> {
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> String {
        handle.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    // Personal data: a stray {:?} in a log line must not carry it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::Seeded;
    use proptest::prelude::*;

    fn called(username: Option<&str>, name: Option<&str>) -> ExternalIdentity {
        ExternalIdentity {
            provider: "github".parse().unwrap(),
            issuer: "https://github.example".parse().unwrap(),
            subject: "1".parse().unwrap(),
            verified_email: None,
            name: name.map(str::to_owned),
            username: username.map(str::to_owned),
            avatar: None,
        }
    }

    fn first(username: Option<&str>, name: Option<&str>) -> String {
        Handle::candidate(&called(username, name), 0, &Seeded::new(1)).unwrap().0
    }

    #[test]
    fn a_handle_is_made_of_the_user_name_else_of_the_name() {
        assert_eq!(first(Some("ada-Lovelace"), Some("Somebody Else")), "adalovelace");
        assert_eq!(first(None, Some("Zoë Müller")), "zoemuller");
        assert_eq!(first(Some("–––"), Some("Ada Lovelace")), "adalovelace");
        assert_eq!(first(Some("a_very_long_user_name"), None), "averylonguserna");
        assert_eq!(first(Some("Ⅷ①ﬁ²"), None), "viii1fi2");
    }

    #[test]
    fn what_is_too_short_reserved_or_nothing_gets_digits() {
        for (username, stem) in
            [("bo", "bo"), ("Admin", "admin"), ("ROOT", "root"), ("明", "user"), ("", "user")]
        {
            let handle = first(Some(username), None);
            assert!(handle.strip_prefix(stem).unwrap().parse::<u32>().is_ok(), "{username}: {handle}");
            assert_eq!(handle.len(), stem.len() + 3, "{handle}");
        }
    }

    #[test]
    fn each_further_attempt_has_more_digits() {
        let ada = called(Some("adalovelace"), None);
        let entropy = Seeded::new(1);
        let handles = [0, 1, 2, 3, 9].map(|attempt| Handle::candidate(&ada, attempt, &entropy).unwrap().0);
        let letters = |handle: &String| handle.chars().filter(char::is_ascii_alphabetic).count();
        assert_eq!(handles.each_ref().map(letters), [11, 10, 8, 6, 4]);
        assert!(handles[1..].iter().all(|handle| handle.len() == MAX), "{handles:?}");
    }

    #[test]
    fn only_the_one_form_parses() {
        for bad in ["", "abc", "Abcd", "ab-cd", "äbcd", "abcdefghijklmnop"] {
            assert_eq!(bad.parse::<Handle>(), Err(InvalidHandle), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_provider_says_gives_a_handle(
            username in prop::option::of("\\PC{0,40}"),
            name in prop::option::of("\\PC{0,40}"),
            attempt in 0..20_usize,
            seed: u64,
        ) {
            let external = called(username.as_deref(), name.as_deref());
            let handle = Handle::candidate(&external, attempt, &Seeded::new(seed)).unwrap();
            prop_assert_eq!(handle.as_str().parse(), Ok(handle.clone()));
        }
    }
}

use unicode_normalization::UnicodeNormalization;

use crate::model::identity::{ExternalIdentity, Handle};
use crate::port::{Entropy, EntropyError};

/// Stem of the handle if the provider sends nothing that could become one.
const NOBODY: &str = "user";
/// Names that a reader would take for the service itself, or a program for a path.
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

impl Handle {
    /// Returns a handle for a new account, from the username at the provider, else from the name. Each failed attempt adds
    /// random digits. Only the commit that takes the handle can tell if it is free.
    pub(super) fn candidate(
        external: &ExternalIdentity,
        attempt: usize,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let texts = [external.username.as_deref(), external.name.as_deref()];
        let base = texts.into_iter().flatten().map(fold).find(|base| !base.is_empty());
        if let Some(base) = base.as_deref()
            && attempt == 0
            && base.len() >= Handle::MIN
            && !RESERVED.contains(&base)
        {
            return Ok(Self(base.to_owned()));
        }
        let digits = (3 + 2 * attempt).min(11);
        let stem: String = base.as_deref().unwrap_or(NOBODY).chars().take(Handle::MAX - digits).collect();
        Ok(Self(format!("{stem}{}", random_digits(digits, entropy)?)))
    }
}

/// Returns the letters and digits of `text` in ASCII: `Zoë-Müller` becomes `zoemuller`.
fn fold(text: &str) -> String {
    // Bound the length before any work, because one character can become many.
    let ascii = text.chars().take(100).nfkd().filter(char::is_ascii_alphanumeric);
    ascii.map(|c| c.to_ascii_lowercase()).take(Handle::MAX).collect()
}

fn random_digits(count: usize, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let random = u64::from_be_bytes(entropy.bytes()?);
    Ok(format!("{random:020}").chars().rev().take(count).collect())
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
    fn a_short_reserved_or_missing_name_gets_digits() {
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
        assert!(handles[1..].iter().all(|handle| handle.len() == Handle::MAX), "{handles:?}");
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

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::model::ConfigError;

const NAME: &str = "LATCHKEY_CDN_SECRET";
const FIX: &str = "set it to the output of `openssl rand -hex 32`, here and in the header that the CDN adds";
/// Minimum number of characters of a secret that nobody can guess.
const MIN: usize = 32;

/// Secret that a CDN adds to each request in a header. A request without it went around the CDN, so its `X-Forwarded-For` comes
/// from the client. During a rotation two secrets are valid.
#[derive(Clone)]
pub struct CdnSecret(Vec<SecretString>);

impl CdnSecret {
    /// Header that carries the secret.
    pub const HEADER: &'static str = "x-latchkey-cdn-secret";

    /// Reads `current[,older...]`.
    pub(super) fn read(value: Option<&str>) -> Result<Option<Self>, ConfigError> {
        let Some(value) = value else { return Ok(None) };
        let secrets = value.split(',').map(str::trim);
        if secrets.clone().any(|secret| secret.len() < MIN) {
            return Err(ConfigError::new(NAME, format!("has fewer than {MIN} characters"), FIX));
        }
        if secrets.clone().any(|secret| !secret.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ConfigError::new(NAME, "has a character that a header does not carry", FIX));
        }
        Ok(Some(Self(secrets.map(SecretString::from).collect())))
    }

    /// Returns true if `value` is one of the secrets. Takes the same time wherever they differ.
    pub fn is(&self, value: &[u8]) -> bool {
        let same = |secret: &SecretString| secret.expose_secret().as_bytes().ct_eq(value);
        self.0.iter().map(same).fold(Choice::from(0), |any, one| any | one).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_and_the_older_secret_are_accepted() {
        let (new, old) = ("b".repeat(32), "a".repeat(40));
        let secret = CdnSecret::read(Some(&format!("{new}, {old}"))).unwrap().unwrap();
        assert!(secret.is(new.as_bytes()) && secret.is(old.as_bytes()));
        for other in ["", &new[1..], &format!("{new}b"), &format!("{new}, {old}"), &"c".repeat(32)] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
        assert!(CdnSecret::read(None).unwrap().is_none());
    }

    #[test]
    fn a_secret_that_is_too_short_or_not_sendable_is_refused_without_being_shown() {
        for bad in ["short", &format!("{},short", "a".repeat(32)), &"ä".repeat(32)] {
            let text = CdnSecret::read(Some(bad)).err().unwrap().to_string();
            assert!(text.starts_with("LATCHKEY_CDN_SECRET: ") && !text.contains(bad), "{text}");
        }
    }
}

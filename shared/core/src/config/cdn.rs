use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::model::ConfigError;

const NAME: &str = "LATCHKEY_CDN_SECRET";
const FIX: &str = "set it to the output of `openssl rand -hex 32`, here and in the header that the CDN adds";
/// The fewest characters of one that nobody guesses.
const MIN: usize = 32;

/// What a CDN adds to each request, in a header, so that a request that went around it is told apart: its `X-Forwarded-For` is a
/// client's own. There are two while one is replaced by the next.
#[derive(Clone)]
pub struct CdnSecret(Vec<SecretString>);

impl CdnSecret {
    /// The header that carries it.
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

    /// Whether `value` is one of them, in the same time whatever differs.
    pub fn is(&self, value: &[u8]) -> bool {
        let same = |secret: &SecretString| secret.expose_secret().as_bytes().ct_eq(value);
        self.0.iter().map(same).fold(Choice::from(0), |any, one| any | one).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_and_the_older_secret_count_and_nothing_else() {
        let (new, old) = ("b".repeat(32), "a".repeat(40));
        let secret = CdnSecret::read(Some(&format!("{new}, {old}"))).unwrap().unwrap();
        assert!(secret.is(new.as_bytes()) && secret.is(old.as_bytes()));
        for other in ["", &new[1..], &format!("{new}b"), &format!("{new}, {old}"), &"c".repeat(32)] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
        assert!(CdnSecret::read(None).unwrap().is_none());
    }

    #[test]
    fn one_that_can_be_guessed_or_not_be_sent_is_refused_without_being_shown() {
        for bad in ["short", &format!("{},short", "a".repeat(32)), &"ä".repeat(32)] {
            let text = CdnSecret::read(Some(bad)).err().unwrap().to_string();
            assert!(text.starts_with("LATCHKEY_CDN_SECRET: ") && !text.contains(bad), "{text}");
        }
    }
}

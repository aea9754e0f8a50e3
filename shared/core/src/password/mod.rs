//! Passwords: rules for new ones, hashing, and comparison.

mod breached;
mod common;
mod fold;
mod hash;
mod pattern;
mod rules;
mod stored;

pub use breached::{Breaches, InvalidRangeService, RangeService};
pub use hash::{HashError, hash, verify};
pub use rules::{MAX_LEN, PasswordRules, WeakPassword};
pub use stored::{OpenHashError, ResealHashError};

pub use crate::model::{
    Argon2Parameters, InvalidArgon2Parameters, InvalidPasswordHash, PasswordHash, StoredHash,
};

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// Password in NFC, so that input from different keyboards gives the same bytes (RFC 8265, section 4.2). Used whole and
/// exactly: never cut, never folded. Its debug output hides it.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Wraps a password as entered, of any length and quality. [`PasswordRules`] decides if it may become a password.
    pub fn new(text: &SecretString) -> Self {
        Self(text.expose_secret().nfc().collect::<String>().into())
    }

    /// Returns its NFC form.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_forms_are_one_password() {
        let composed = Password::new(&"caf\u{e9} au lait".into());
        let decomposed = Password::new(&"cafe\u{301} au lait".into());
        assert_eq!(composed.expose(), decomposed.expose());
        assert_ne!(composed.expose(), Password::new(&"Caf\u{e9} au lait".into()).expose());
    }

    #[test]
    fn debug_shows_no_password() {
        assert_eq!(format!("{:?}", Password::new(&"hunter2 hunter2".into())), "Password(…)");
    }
}

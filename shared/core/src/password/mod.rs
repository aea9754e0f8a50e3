//! Passwords: what is accepted as one, how it is hashed, how a presented one is compared.

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

/// A password in NFC, so that one typed on another keyboard is the same bytes (RFC 8265, section 4.2). Used whole and exactly:
/// never cut, never folded. It prints as nothing.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// What a person presented, of any length and strength; [`PasswordRules`] says whether it may become their password.
    pub fn new(text: &SecretString) -> Self {
        Self(text.expose_secret().nfc().collect::<String>().into())
    }

    /// Its NFC form.
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

//! Password hash as stored.

use crate::UserId;
use crate::model::password_hash::Form;
use crate::model::{InvalidPasswordHash, PasswordHash, StoredHash};
use crate::port::Entropy;
use crate::seal::{OpenError, Purpose, SealError, Sealer};

const PURPOSE: Purpose = Purpose::new("password-hash");

/// Reason that a stored hash cannot be compared with a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenHashError {
    /// It cannot be opened.
    #[error("a password hash cannot be opened: {0}")]
    Sealed(#[from] OpenError),
    /// It opens, but its content is not a hash.
    #[error("a sealed password hash holds something else: {0}")]
    Invalid(#[from] InvalidPasswordHash),
}

/// Reason that a stored hash was not resealed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResealHashError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenHashError),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl StoredHash {
    /// Seals the hash of `owner`'s password with the current secret.
    pub fn seal(
        hash: &PasswordHash,
        owner: UserId,
        sealer: &Sealer,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let text = String::from(hash.clone());
        sealer
            .seal(PURPOSE, owner.to_string().as_bytes(), text.as_bytes(), entropy)
            .map(Form::Sealed)
            .map(Self)
    }

    /// Wraps a hash without sealing, if the secret of the store is not available.
    pub const fn unsealed(hash: PasswordHash) -> Self {
        Self(Form::Unsealed(hash))
    }

    /// Returns the hash of `owner`'s password.
    pub fn open(&self, owner: UserId, sealer: &Sealer) -> Result<PasswordHash, OpenHashError> {
        match &self.0 {
            Form::Unsealed(hash) => Ok(hash.clone()),
            Form::Sealed(sealed) => {
                let opened = sealer.open(PURPOSE, owner.to_string().as_bytes(), sealed)?;
                let text = std::str::from_utf8(&opened).map_err(|_| InvalidPasswordHash)?;
                Ok(text.parse()?)
            }
        }
    }

    /// Returns true if it is sealed with the current secret.
    pub fn is_current(&self, sealer: &Sealer) -> bool {
        match &self.0 {
            Form::Sealed(sealed) => sealer.is_current(sealed),
            Form::Unsealed(_) => false,
        }
    }

    /// Returns the same hash sealed with the current secret; `None` if it already is.
    pub fn reseal(
        &self,
        owner: UserId,
        sealer: &Sealer,
        entropy: &dyn Entropy,
    ) -> Result<Option<Self>, ResealHashError> {
        if self.is_current(sealer) {
            return Ok(None);
        }
        Ok(Some(Self::seal(&self.open(owner, sealer)?, owner, sealer, entropy)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;
    use crate::port::EntropyError;
    use crate::seal::MasterSecrets;

    const HASH: &str =
        "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const OLD: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
    const NEW: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";

    /// Generator that gives different bytes each time.
    #[derive(Default)]
    struct Numbers(AtomicU8);

    impl Entropy for Numbers {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    fn sealer(secrets: &str) -> Sealer {
        Sealer::new(&MasterSecrets::parse(secrets).unwrap())
    }

    fn user(digit: char) -> UserId {
        format!("0192f5a4-0000-7000-8000-00000000000{digit}").parse().unwrap()
    }

    #[test]
    fn a_sealed_hash_shows_nothing_and_opens_for_its_user_alone() {
        let hash: PasswordHash = HASH.parse().unwrap();
        let stored = StoredHash::seal(&hash, user('1'), &sealer(OLD), &Numbers::default()).unwrap();
        let text = serde_json::to_string(&stored).unwrap();
        assert!(!text.contains("argon2") && text.starts_with("\"v1."), "{text}");
        assert_eq!(serde_json::from_str::<StoredHash>(&text).unwrap(), stored);
        assert_eq!(stored.open(user('1'), &sealer(OLD)).unwrap(), hash);
        assert!(matches!(
            stored.open(user('2'), &sealer(OLD)),
            Err(OpenHashError::Sealed(OpenError::Refused))
        ));
        assert!(matches!(
            stored.open(user('1'), &sealer(NEW)),
            Err(OpenHashError::Sealed(OpenError::UnknownSecret))
        ));
    }

    #[test]
    fn a_hash_that_came_unsealed_is_read_and_sealed() {
        let stored: StoredHash = serde_json::from_value(HASH.into()).unwrap();
        assert_eq!(serde_json::to_value(&stored).unwrap(), HASH);
        let (sealer, entropy) = (sealer(OLD), Numbers::default());
        assert_eq!(stored.open(user('1'), &sealer).unwrap(), HASH.parse().unwrap());
        assert!(!stored.is_current(&sealer));
        let sealed = stored.reseal(user('1'), &sealer, &entropy).unwrap().unwrap();
        assert!(sealed.is_current(&sealer));
        assert_eq!(sealed.open(user('1'), &sealer).unwrap(), HASH.parse().unwrap());
        assert_eq!(sealed.reseal(user('1'), &sealer, &entropy).unwrap(), None);
    }

    #[test]
    fn a_hash_under_an_older_secret_is_sealed_under_the_current_one() {
        let (hash, entropy): (PasswordHash, _) = (HASH.parse().unwrap(), Numbers::default());
        let stored = StoredHash::seal(&hash, user('1'), &sealer(OLD), &entropy).unwrap();
        let both = sealer(&format!("{NEW},{OLD}"));
        let moved = stored.reseal(user('1'), &both, &entropy).unwrap().unwrap();
        assert_eq!(moved.open(user('1'), &sealer(NEW)).unwrap(), hash);
        assert!(stored.reseal(user('1'), &sealer(NEW), &entropy).is_err());
    }

    #[test]
    fn a_text_that_is_neither_form_is_refused() {
        for text in ["", "plain", "v1.", "$2b$12$abc"] {
            assert!(serde_json::from_value::<StoredHash>(text.into()).is_err(), "{text}");
        }
    }
}

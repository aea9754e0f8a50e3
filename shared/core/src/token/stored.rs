//! The key ring as an item of the store.

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::jwk::KeyId;
use super::ring::{KeyRing, RetiredKey};
use super::verifying::VerifyingKey;
use super::{Algorithm, SigningKey};
use crate::Timestamp;
use crate::port::Entropy;
use crate::port::table::Key;
use crate::seal::{OpenError, Purpose, SealError, Sealed, Sealer};

const SIGNING: Purpose = Purpose::new("signing-key");
const RETIRED: Purpose = Purpose::new("retired-key");

/// Where the ring is.
pub(super) fn ring_key() -> Key {
    Key::new("keys", "ring")
}

/// The ring with every key sealed under its own name, public ones too: who can write to the store but has not the master
/// secret can neither read a key nor slip one in.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRing {
    next: StoredKey,
    current: StoredKey,
    previous: Vec<StoredRetired>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    kid: KeyId,
    alg: Algorithm,
    sealed: Sealed,
}

#[derive(Serialize, Deserialize)]
struct StoredRetired {
    #[serde(flatten)]
    key: StoredKey,
    retired_at: Timestamp,
}

/// Why a stored key cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenRingError {
    /// It does not open.
    #[error("the signing key {kid} cannot be opened: {source}")]
    Sealed {
        /// Which key.
        kid: KeyId,
        /// Why, with the mend where there is one.
        source: OpenError,
    },
    /// It opens, and what is inside is not the key of its name.
    #[error("what is stored as the signing key {0} is not that key")]
    OtherKey(KeyId),
}

/// Why a ring cannot be stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealRingError {
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key cannot be encoded.
    #[error("the key {0} cannot be encoded")]
    Encode(KeyId),
}

impl StoredRing {
    /// Seals every key under the current master secret, whichever the ring was read under.
    pub(super) fn seal(
        ring: &KeyRing,
        sealer: &Sealer,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealRingError> {
        let signing = |key: &SigningKey| {
            let bytes = key.to_bytes().ok_or(SealRingError::Encode(key.kid()))?;
            let data = key.kid().to_string();
            StoredKey::seal(key.verifying_key(), SIGNING, &data, &bytes, sealer, entropy)
        };
        let retired = |RetiredKey { key, at }: &RetiredKey| {
            let bytes = key.to_bytes().ok_or(SealRingError::Encode(key.kid()))?;
            let data = retired_data(key.kid(), *at);
            let key = StoredKey::seal(key, RETIRED, &data, &bytes, sealer, entropy)?;
            Ok::<_, SealRingError>(StoredRetired { key, retired_at: *at })
        };
        Ok(Self {
            next: signing(&ring.next)?,
            current: signing(&ring.current)?,
            previous: ring.previous.iter().map(retired).collect::<Result<_, _>>()?,
        })
    }

    /// Opens and parses every key.
    pub(super) fn open(&self, sealer: &Sealer) -> Result<KeyRing, OpenRingError> {
        let signing = |stored: &StoredKey| {
            let bytes = stored.open(SIGNING, &stored.kid.to_string(), sealer)?;
            let key = SigningKey::from_bytes(stored.alg, &bytes).filter(|key| key.kid() == stored.kid);
            key.ok_or(OpenRingError::OtherKey(stored.kid))
        };
        let retired = |StoredRetired { key: stored, retired_at }: &StoredRetired| {
            let bytes = stored.open(RETIRED, &retired_data(stored.kid, *retired_at), sealer)?;
            let key = VerifyingKey::from_bytes(stored.alg, &bytes).filter(|key| key.kid() == stored.kid);
            Ok(RetiredKey { key: key.ok_or(OpenRingError::OtherKey(stored.kid))?, at: *retired_at })
        };
        Ok(KeyRing {
            next: signing(&self.next)?,
            current: signing(&self.current)?,
            previous: self.previous.iter().map(retired).collect::<Result<_, _>>()?,
        })
    }
}

impl StoredKey {
    fn seal(
        key: &VerifyingKey,
        purpose: Purpose,
        associated_data: &str,
        bytes: &[u8],
        sealer: &Sealer,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealRingError> {
        Ok(Self {
            kid: key.kid(),
            alg: key.algorithm(),
            sealed: sealer.seal(purpose, associated_data.as_bytes(), bytes, entropy)?,
        })
    }

    fn open(
        &self,
        purpose: Purpose,
        associated_data: &str,
        sealer: &Sealer,
    ) -> Result<Zeroizing<Vec<u8>>, OpenRingError> {
        let opened = sealer.open(purpose, associated_data.as_bytes(), &self.sealed);
        opened.map_err(|source| OpenRingError::Sealed { kid: self.kid, source })
    }
}

/// Binds the moment too, or a retired key could be given another life.
fn retired_data(kid: KeyId, at: Timestamp) -> String {
    format!("{kid} {}", at.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{NEW_SECRET, OLD_SECRET, Seeded, claims, noon, parties, sealer};
    use crate::token::{KeyRing, UnverifiedToken};

    fn ring(algorithm: Algorithm) -> KeyRing {
        let entropy = Seeded::new(1);
        KeyRing::create(algorithm, &entropy).unwrap().rotate(noon(), algorithm, &entropy).unwrap()
    }

    fn stored(ring: &KeyRing, secrets: &[&str]) -> serde_json::Value {
        serde_json::to_value(StoredRing::seal(ring, &sealer(secrets), &Seeded::new(2)).unwrap()).unwrap()
    }

    fn open(value: serde_json::Value, secrets: &[&str]) -> Result<KeyRing, OpenRingError> {
        serde_json::from_value::<StoredRing>(value).unwrap().open(&sealer(secrets))
    }

    #[test]
    fn every_algorithm_survives_the_store() {
        for algorithm in Algorithm::ALL {
            let ring = ring(algorithm);
            let opened = open(stored(&ring, &[NEW_SECRET]), &[NEW_SECRET]).unwrap();
            assert_eq!(opened.jwks(noon()), ring.jwks(noon()));
            let token = opened.current().sign(&claims(noon()), &Seeded::new(3)).unwrap();
            let token = UnverifiedToken::parse(&token).unwrap();
            assert!(token.verify(ring.current().verifying_key(), &parties(), noon()).is_ok());
        }
    }

    #[test]
    fn no_key_can_be_read_or_slipped_in() {
        let ring = ring(Algorithm::EdDsa);
        let good = stored(&ring, &[NEW_SECRET]);
        let swap = |a: &str, b: &str| {
            let mut value = good.clone();
            let (x, y) = (value.pointer(a).unwrap().clone(), value.pointer(b).unwrap().clone());
            *value.pointer_mut(a).unwrap() = y;
            *value.pointer_mut(b).unwrap() = x;
            value
        };
        let mut later = good.clone();
        later["previous"][0]["retired_at"] = (noon() + crate::token::RING_MAX_AGE).as_millis().into();
        let mut forged = good.clone();
        // A key that the writer of the store sealed under a secret of their own.
        forged["previous"][0] = stored(&ring, &[OLD_SECRET])["previous"][0].clone();
        for (value, reason) in [
            (swap("/next/sealed", "/current/sealed"), OpenError::Refused),
            (swap("/previous/0/sealed", "/current/sealed"), OpenError::Refused),
            (later, OpenError::Refused),
            (forged, OpenError::UnknownSecret),
        ] {
            let Err(OpenRingError::Sealed { source, .. }) = open(value, &[NEW_SECRET]) else {
                panic!("it opened")
            };
            assert_eq!(source, reason);
        }
        let text = good.to_string();
        assert!(!text.contains("\"x\"") && !text.contains("\"d\""), "{text}");
    }

    #[test]
    fn a_rotation_moves_every_key_under_the_new_master_secret() {
        let value = stored(&ring(Algorithm::EdDsa), &[OLD_SECRET]);
        let opened = open(value.clone(), &[NEW_SECRET, OLD_SECRET]).unwrap();
        assert!(open(stored(&opened, &[NEW_SECRET, OLD_SECRET]), &[NEW_SECRET]).is_ok());
        let message = open(value, &[NEW_SECRET]).err().unwrap().to_string();
        assert!(message.contains("add that secret behind the first one"), "{message}");
    }
}

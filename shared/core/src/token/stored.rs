//! Key ring and key set as items of the store.

use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::jwk::KeyId;
use super::ring::{KeyRing, RetiredKey};
use super::set::{KeySet, PublicKey};
use super::verifying::VerifyingKey;
use super::{Algorithm, SigningKey};
use crate::Timestamp;
use crate::model::Sealed;
use crate::port::table::{Item, Key};
use crate::port::{Entropy, StoreError};
use crate::seal::{OpenError, Purpose, SealError, Sealer};

const SIGNING: Purpose = Purpose::new("signing-key");
const RETIRED: Purpose = Purpose::new("retired-key");

const SET: Purpose = Purpose::new("key-set");

/// Keys that the store holds as one item.
pub(super) trait StoredKeys: Sized {
    /// Returns the key of their item.
    fn key() -> Key;
    /// Reads, opens and parses them.
    fn read(item: &Item, sealer: &Sealer) -> Result<Self, ReadKeysError>;
}

/// Reason that stored keys cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ReadKeysError {
    /// The item does not have the expected form.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenKeysError),
}

impl StoredKeys for KeyRing {
    fn key() -> Key {
        Key::new("keys", "ring")
    }

    fn read(item: &Item, sealer: &Sealer) -> Result<Self, ReadKeysError> {
        Ok(item.decode::<StoredRing>()?.open(sealer)?)
    }
}

impl StoredKeys for KeySet {
    /// Returns a key in a partition of its own. Access rights are granted by partition, and a process that only verifies gets
    /// none on the ring.
    fn key() -> Key {
        Key::new("jwks", "set")
    }

    fn read(item: &Item, sealer: &Sealer) -> Result<Self, ReadKeysError> {
        Ok(item.decode::<StoredSet>()?.open(sealer)?)
    }
}

/// Key ring with every key sealed under its own name, including public keys. A writer of the store without the master secret
/// can neither read a key nor insert one.
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

/// Reason that a stored key cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenKeysError {
    /// The key cannot be opened.
    #[error("the signing key {kid} cannot be opened: {source}")]
    Sealed {
        /// Identifier of the key.
        kid: KeyId,
        /// Reason, with the fix if there is one.
        source: OpenError,
    },
    /// The key opens, but its content is not the key of its identifier.
    #[error("the stored signing key {0} holds another key; restore keys/ring and jwks/set from a backup")]
    OtherKey(KeyId),
    /// The public keys cannot be opened.
    #[error("the public keys cannot be opened: {0}")]
    Set(#[source] OpenError),
    /// The public keys open, but their content is not keys.
    #[error("the stored public keys are not keys; restore keys/ring and jwks/set from a backup")]
    NoSet,
}

/// Reason that keys cannot be stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealKeysError {
    /// They cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key cannot be encoded.
    #[error("the key {0} cannot be encoded")]
    Encode(KeyId),
    /// The public keys cannot be encoded.
    #[error("the public keys cannot be encoded")]
    EncodeSet,
}

impl StoredRing {
    /// Seals every key with the current master secret, whichever secret the ring was read with.
    pub(super) fn seal(
        ring: &KeyRing,
        sealer: &Sealer,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealKeysError> {
        let signing = |key: &SigningKey| {
            let bytes = key.to_bytes().ok_or(SealKeysError::Encode(key.kid()))?;
            let data = key.kid().to_string();
            StoredKey::seal(key.verifying_key(), SIGNING, &data, &bytes, sealer, entropy)
        };
        let retired = |RetiredKey { key, at }: &RetiredKey| {
            let bytes = key.to_bytes().ok_or(SealKeysError::Encode(key.kid()))?;
            let data = retired_data(key.kid(), *at);
            let key = StoredKey::seal(key, RETIRED, &data, &bytes, sealer, entropy)?;
            Ok::<_, SealKeysError>(StoredRetired { key, retired_at: *at })
        };
        Ok(Self {
            next: signing(&ring.next)?,
            current: signing(&ring.current)?,
            previous: ring.previous.iter().map(retired).collect::<Result<_, _>>()?,
        })
    }

    /// Returns true if every key is sealed with the current master secret.
    pub(super) fn is_current(&self, sealer: &Sealer) -> bool {
        let retired = self.previous.iter().map(|retired| &retired.key);
        [&self.next, &self.current].into_iter().chain(retired).all(|key| sealer.is_current(&key.sealed))
    }

    /// Opens and parses every key.
    fn open(&self, sealer: &Sealer) -> Result<KeyRing, OpenKeysError> {
        let signing = |stored: &StoredKey| {
            let bytes = stored.open(SIGNING, &stored.kid.to_string(), sealer)?;
            let key = SigningKey::from_bytes(stored.alg, &bytes).filter(|key| key.kid() == stored.kid);
            key.ok_or(OpenKeysError::OtherKey(stored.kid))
        };
        let retired = |StoredRetired { key: stored, retired_at }: &StoredRetired| {
            let bytes = stored.open(RETIRED, &retired_data(stored.kid, *retired_at), sealer)?;
            let key = VerifyingKey::from_bytes(stored.alg, &bytes).filter(|key| key.kid() == stored.kid);
            Ok(RetiredKey { key: key.ok_or(OpenKeysError::OtherKey(stored.kid))?, at: *retired_at })
        };
        Ok(KeyRing {
            next: signing(&self.next)?,
            current: signing(&self.current)?,
            previous: self.previous.iter().map(retired).collect::<Result<_, _>>()?,
        })
    }
}

/// Key set, sealed as a whole although it is public: a writer of the store without the master secret cannot insert a key.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSet {
    sealed: Sealed,
}

#[derive(Serialize, Deserialize)]
struct StoredPublic {
    alg: Algorithm,
    #[serde(with = "base64url")]
    key: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at: Option<Timestamp>,
}

impl StoredSet {
    /// Seals the set with the current master secret.
    pub(super) fn seal(set: &KeySet, sealer: &Sealer, entropy: &dyn Entropy) -> Result<Self, SealKeysError> {
        let stored = |PublicKey { key, retired_at }: &PublicKey| {
            let bytes = key.to_bytes().ok_or(SealKeysError::Encode(key.kid()))?;
            Ok(StoredPublic { alg: key.algorithm(), key: bytes, retired_at: *retired_at })
        };
        let keys = set.keys.iter().map(stored).collect::<Result<Vec<_>, SealKeysError>>()?;
        let text = serde_json::to_vec(&keys).map_err(|_| SealKeysError::EncodeSet)?;
        Ok(Self { sealed: sealer.seal(SET, b"", &text, entropy)? })
    }

    /// Returns true if it is sealed with the current master secret.
    pub(super) fn is_current(&self, sealer: &Sealer) -> bool {
        sealer.is_current(&self.sealed)
    }

    fn open(&self, sealer: &Sealer) -> Result<KeySet, OpenKeysError> {
        let text = sealer.open(SET, b"", &self.sealed).map_err(OpenKeysError::Set)?;
        let stored: Vec<StoredPublic> = serde_json::from_slice(&text).map_err(|_| OpenKeysError::NoSet)?;
        let key = |stored: StoredPublic| {
            let key = VerifyingKey::from_bytes(stored.alg, &stored.key).ok_or(OpenKeysError::NoSet)?;
            Ok(PublicKey { key, retired_at: stored.retired_at })
        };
        Ok(KeySet { keys: stored.into_iter().map(key).collect::<Result<_, OpenKeysError>>()? })
    }
}

/// Bytes as base64url text (RFC 4648, section 5), without padding.
mod base64url {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        BASE64_URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(serde::de::Error::custom)
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
    ) -> Result<Self, SealKeysError> {
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
    ) -> Result<Zeroizing<Vec<u8>>, OpenKeysError> {
        let opened = sealer.open(purpose, associated_data.as_bytes(), &self.sealed);
        opened.map_err(|source| OpenKeysError::Sealed { kid: self.kid, source })
    }
}

/// Returns the associated data of a retired key. It includes the time, so that nobody can extend the life of a retired key.
fn retired_data(kid: KeyId, at: Timestamp) -> String {
    format!("{kid} {}", at.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{NEW_SECRET, OLD_SECRET, Seeded, claims, issuer_and_audience, noon, sealer};
    use crate::token::{KeyRing, UnverifiedToken};

    fn ring(algorithm: Algorithm) -> KeyRing {
        let entropy = Seeded::new(1);
        KeyRing::create(algorithm, &entropy).unwrap().rotate(noon(), algorithm, &entropy).unwrap()
    }

    fn stored(ring: &KeyRing, secrets: &[&str]) -> serde_json::Value {
        serde_json::to_value(StoredRing::seal(ring, &sealer(secrets), &Seeded::new(2)).unwrap()).unwrap()
    }

    fn open(value: serde_json::Value, secrets: &[&str]) -> Result<KeyRing, OpenKeysError> {
        serde_json::from_value::<StoredRing>(value).unwrap().open(&sealer(secrets))
    }

    #[test]
    fn every_algorithm_survives_the_store() {
        for algorithm in Algorithm::ALL {
            let ring = ring(algorithm);
            let opened = open(stored(&ring, &[NEW_SECRET]), &[NEW_SECRET]).unwrap();
            assert_eq!(KeySet::of(&opened).jwks(noon()), KeySet::of(&ring).jwks(noon()));
            let token = opened.current().sign(&claims(noon()), &Seeded::new(3)).unwrap();
            let token = UnverifiedToken::parse(&token).unwrap();
            assert!(token.verify(ring.current().verifying_key(), &issuer_and_audience(), noon()).is_ok());
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
        // A key that the writer of the store sealed with a secret of their own.
        forged["previous"][0] = stored(&ring, &[OLD_SECRET])["previous"][0].clone();
        for (value, reason) in [
            (swap("/next/sealed", "/current/sealed"), OpenError::Refused),
            (swap("/previous/0/sealed", "/current/sealed"), OpenError::Refused),
            (later, OpenError::Refused),
            (forged, OpenError::UnknownSecret),
        ] {
            let Err(OpenKeysError::Sealed { source, .. }) = open(value, &[NEW_SECRET]) else {
                panic!("it opened")
            };
            assert_eq!(source, reason);
        }
        let text = good.to_string();
        assert!(!text.contains("\"x\"") && !text.contains("\"d\""), "{text}");
    }

    #[test]
    fn the_set_survives_the_store_and_nobody_can_slip_a_key_in() {
        for algorithm in Algorithm::ALL {
            let set = KeySet::of(&ring(algorithm));
            let stored = StoredSet::seal(&set, &sealer(&[OLD_SECRET]), &Seeded::new(2)).unwrap();
            let opened = stored.open(&sealer(&[NEW_SECRET, OLD_SECRET])).unwrap();
            let late = noon() + crate::token::RETIRED_KEY_LIFETIME;
            for now in [noon(), late, late + crate::token::ACCESS_TOKEN_LIFETIME] {
                assert_eq!(opened.jwks(now), set.jwks(now));
            }
            assert_eq!(
                stored.open(&sealer(&[NEW_SECRET])).unwrap_err().to_string().matches("behind").count(),
                1
            );
        }
        // Sealed for another purpose by a holder of the secret: a password hash, a stored token.
        let sealer = sealer(&[NEW_SECRET]);
        let sealed = sealer.seal(Purpose::new("other"), b"", b"[]", &Seeded::new(2)).unwrap();
        let error = StoredSet { sealed }.open(&sealer).unwrap_err();
        assert!(matches!(error, OpenKeysError::Set(OpenError::Refused)), "{error}");
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

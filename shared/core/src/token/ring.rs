//! Key ring: the keys in use. One signs, one is published before it signs, some signed until recently.

use super::key::GenerateError;
use super::verifying::VerifyingKey;
use super::{Algorithm, RETIRED_KEY_LIFETIME, SigningKey};
use crate::Timestamp;
use crate::port::Entropy;

/// Key ring of a deployment, with the private keys. Tokens of all its keys are accepted, including the next key, because
/// another process may have read a rotation first. Verification reads the [`KeySet`](super::KeySet).
pub struct KeyRing {
    pub(super) next: SigningKey,
    pub(super) current: SigningKey,
    pub(super) previous: Vec<RetiredKey>,
}

/// Key that no longer signs. Its private part is deleted.
pub(super) struct RetiredKey {
    pub(super) key: VerifyingKey,
    pub(super) at: Timestamp,
}

impl RetiredKey {
    /// Returns true if a token signed by a key retired at `at` may still be valid.
    pub(super) fn is_needed(at: Timestamp, now: Timestamp) -> bool {
        now.since(at) <= RETIRED_KEY_LIFETIME
    }
}

impl KeyRing {
    /// Returns a ring of new keys.
    pub fn create(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Self, GenerateError> {
        let [next, current] =
            [SigningKey::generate(algorithm, entropy)?, SigningKey::generate(algorithm, entropy)?];
        Ok(Self { next, current, previous: Vec::new() })
    }

    /// Returns the ring in which the next key signs. The previous signing key is accepted for another [`RETIRED_KEY_LIFETIME`],
    /// like each one before it, even if the ring is rotated again. The new next key uses `algorithm`. A changed setting takes
    /// effect with the second rotation, because no key signs before it was published.
    pub fn rotate(
        self,
        now: Timestamp,
        algorithm: Algorithm,
        entropy: &dyn Entropy,
    ) -> Result<Self, GenerateError> {
        let Self { next, current, mut previous } = self;
        previous.retain(|retired| RetiredKey::is_needed(retired.at, now));
        previous.insert(0, RetiredKey { key: current.into_verifying_key(), at: now });
        Ok(Self { next: SigningKey::generate(algorithm, entropy)?, current: next, previous })
    }

    /// Returns the key that signs.
    pub fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Returns the key that signs after the next rotation.
    pub fn next(&self) -> &SigningKey {
        &self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{Dry, Seeded, noon};
    use crate::token::{ACCESS_TOKEN_LIFETIME, KeyId, KeySet};
    use std::time::Duration;

    fn kids(ring: &KeyRing, now: Timestamp) -> Vec<KeyId> {
        KeySet::of(ring).jwks(now).keys.iter().map(|key| key.kid).collect()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_accepted_after() {
        let entropy = Seeded::new(1);
        let first = KeyRing::create(Algorithm::EdDsa, &entropy).unwrap();
        let (signing, waiting) = (first.current().kid(), first.next().kid());
        assert_eq!(kids(&first, noon()), [signing, waiting]);

        let second = first.rotate(noon(), Algorithm::EdDsa, &entropy).unwrap();
        assert_eq!(second.current().kid(), waiting);
        assert_eq!(kids(&second, noon()), [waiting, second.next().kid(), signing]);
    }

    #[test]
    fn no_token_outlives_its_key_however_often_the_ring_is_rotated() {
        let entropy = Seeded::new(1);
        let mut ring = KeyRing::create(Algorithm::EdDsa, &entropy).unwrap();
        let mut signers = vec![ring.current().kid()];
        for _ in 0..5 {
            ring = ring.rotate(noon(), Algorithm::EdDsa, &entropy).unwrap();
            signers.push(ring.current().kid());
        }
        // A process that missed the rotations signs until its ring is too old, with a clock that is behind.
        let last_token_ends =
            noon() + Duration::from_mins(5) + ACCESS_TOKEN_LIFETIME + Duration::from_mins(1);
        let set = KeySet::of(&ring);
        for kid in &signers {
            assert!(set.verifying_key(*kid, last_token_ends).is_some());
        }
        let after = last_token_ends + Duration::from_millis(1);
        let known = signers.iter().filter(|kid| set.verifying_key(**kid, after).is_some()).count();
        assert_eq!(
            (known, kids(&ring, after).len()),
            (1, 2),
            "only the signing key and the next one are left"
        );

        ring = ring.rotate(after, Algorithm::EdDsa, &entropy).unwrap();
        assert_eq!(ring.previous.len(), 1, "the others are gone from the ring too");
    }

    #[test]
    fn a_new_algorithm_signs_after_two_rotations() {
        let entropy = Seeded::new(1);
        let ring = KeyRing::create(Algorithm::EdDsa, &entropy).unwrap();
        let ring = ring.rotate(noon(), Algorithm::Es256, &entropy).unwrap();
        assert_eq!(
            (ring.current().algorithm(), ring.next().algorithm()),
            (Algorithm::EdDsa, Algorithm::Es256)
        );
        let ring = ring.rotate(noon(), Algorithm::Es256, &entropy).unwrap();
        assert_eq!(ring.current().algorithm(), Algorithm::Es256);
    }

    #[test]
    fn without_randomness_there_is_no_ring() {
        for algorithm in Algorithm::ALL {
            assert!(matches!(KeyRing::create(algorithm, &Dry), Err(GenerateError::Entropy(_))));
        }
    }
}

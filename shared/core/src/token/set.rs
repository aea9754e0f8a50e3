//! Public keys of a deployment.

use super::jwk::{Jwks, KeyId};
use super::ring::{KeyRing, RetiredKey};
use super::verifying::VerifyingKey;
use crate::Timestamp;

/// Public keys of a [`KeyRing`]: all that a process needs to verify tokens. Stored next to the ring, in its own partition, so
/// that a function that only verifies needs no right to read a private key.
#[derive(Debug)]
pub struct KeySet {
    pub(super) keys: Vec<PublicKey>,
}

/// Public key, and the time at which it stopped signing, if it did.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    pub(super) key: VerifyingKey,
    pub(super) retired_at: Option<Timestamp>,
}

impl PublicKey {
    /// Returns true if a token that it signed may still be valid.
    fn is_needed(&self, now: Timestamp) -> bool {
        self.retired_at.is_none_or(|at| RetiredKey::is_needed(at, now))
    }
}

impl KeySet {
    /// Returns the public keys of `ring`: first the current signing key, then the next one, then the retired ones.
    pub fn of(ring: &KeyRing) -> Self {
        let live = [&ring.current, &ring.next]
            .map(|key| PublicKey { key: key.verifying_key().clone(), retired_at: None });
        let retired = ring
            .previous
            .iter()
            .map(|RetiredKey { key, at }| PublicKey { key: key.clone(), retired_at: Some(*at) });
        Self { keys: live.into_iter().chain(retired).collect() }
    }

    /// Returns the key with this identifier, unless it was retired too long ago.
    pub fn verifying_key(&self, kid: KeyId, now: Timestamp) -> Option<&VerifyingKey> {
        self.needed(now).find(|key| key.kid() == kid)
    }

    /// Returns the published form.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        Jwks { keys: self.needed(now).map(VerifyingKey::jwk).collect() }
    }

    fn needed(&self, now: Timestamp) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().filter(move |public| public.is_needed(now)).map(|public| &public.key)
    }
}

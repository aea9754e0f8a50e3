//! The public keys of a deployment.

use super::jwk::{Jwks, KeyId};
use super::ring::{KeyRing, RetiredKey};
use super::verifying::VerifyingKey;
use crate::Timestamp;

/// The public halves of a [`KeyRing`]: all that a process needs that checks tokens and signs none. Stored beside the ring, in a
/// partition of its own, so that a function that only verifies needs no right to read a private key.
#[derive(Debug)]
pub struct KeySet {
    pub(super) keys: Vec<PublicKey>,
}

/// A public key, and the moment it stopped signing, if it did.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    pub(super) key: VerifyingKey,
    pub(super) retired_at: Option<Timestamp>,
}

impl PublicKey {
    /// Whether a token that it signed may still be alive.
    fn is_needed(&self, now: Timestamp) -> bool {
        self.retired_at.is_none_or(|at| RetiredKey::is_needed(at, now))
    }
}

impl KeySet {
    /// The public keys of `ring`: the one that signs first, then the next one, then the retired ones.
    pub fn of(ring: &KeyRing) -> Self {
        let live = [&ring.current, &ring.next]
            .map(|key| PublicKey { key: key.verifying_key().clone(), retired_at: None });
        let retired = ring
            .previous
            .iter()
            .map(|RetiredKey { key, at }| PublicKey { key: key.clone(), retired_at: Some(*at) });
        Self { keys: live.into_iter().chain(retired).collect() }
    }

    /// The key of this name, unless it has been retired for too long.
    pub fn verifying_key(&self, kid: KeyId, now: Timestamp) -> Option<&VerifyingKey> {
        self.needed(now).find(|key| key.kid() == kid)
    }

    /// What is published.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        Jwks { keys: self.needed(now).map(VerifyingKey::jwk).collect() }
    }

    fn needed(&self, now: Timestamp) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().filter(move |public| public.is_needed(now)).map(|public| &public.key)
    }
}

//! The service that keeps the key ring in the store, and signs and checks access tokens with it.

use std::sync::Arc;

use super::access::{Claims, Parties};
use super::invalid::{InvalidToken, Reason};
use super::jwk::{Jwks, KeyId};
use super::key::{GenerateError, SignError};
use super::memory::{KeyMemory, Recall, Unknown};
use super::ring::KeyRing;
use super::stored::{OpenRingError, SealRingError, StoredRing, ring_key};
use super::unverified::UnverifiedToken;
use super::{Algorithm, MAX_TOKEN};
use crate::Timestamp;
use crate::port::table::{CommitError, Item, Key, Version, Write};
use crate::port::{Clock, Entropy, StoreError, Table};
use crate::seal::Sealer;

/// How often a change of the ring is tried again because another process changed it first.
const ATTEMPTS: u32 = 5;

/// Signs and checks access tokens, and keeps the keys for it. Cheap to make: a Worker makes one per request over the same
/// [`KeyMemory`].
///
/// The ring is one item of the store, made by a conditional put: of several processes that start at once one makes it, and
/// the others read that one's. In memory it is at most [`RING_MAX_AGE`](super::RING_MAX_AGE) old; when the store is down, a
/// remembered ring goes on being used. No request waits for a read that another one began.
pub struct Keys {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
    algorithm: Algorithm,
    parties: Arc<Parties>,
    memory: Arc<KeyMemory>,
}

/// The signing key as it is now: signs without asking the store.
pub struct Signer {
    ring: Arc<KeyRing>,
    entropy: Arc<dyn Entropy>,
}

impl Signer {
    /// The access token of `claims`.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeysError> {
        Ok(self.ring.current().sign(claims, &*self.entropy)?)
    }
}

/// Why there are no keys to work with. None of these says anything about a token.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store gave no answer, or an unreadable one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored keys cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenRingError),
    /// New keys cannot be stored.
    #[error(transparent)]
    Seal(#[from] SealRingError),
    /// New keys cannot be made.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The token cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// Whether it is cannot be said now.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl KeysError {
    /// Whether it passes by itself, or with the configuration of this process: the store does not answer, or this process lacks
    /// the secret that another one sealed the keys under.
    pub fn is_outage(&self) -> bool {
        use crate::seal::OpenError;
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_))
                | Self::Open(OpenRingError::Sealed { source: OpenError::UnknownSecret, .. })
        )
    }
}

impl Keys {
    /// A service over the ring in `table`. `algorithm` is that of keys yet to be made.
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Arc<Sealer>,
        algorithm: Algorithm,
        parties: Arc<Parties>,
        memory: Arc<KeyMemory>,
    ) -> Self {
        Self { table, clock, entropy, sealer, algorithm, parties, memory }
    }

    /// Whose tokens these are, for [`Claims::new`].
    pub fn parties(&self) -> &Parties {
        &self.parties
    }

    /// Whether an access token that names these roles is short enough, whatever key signs it.
    pub fn can_name(&self, roles: &[String]) -> bool {
        // The header names an algorithm and a key; the longest signature is that of RSA with 2048 bits.
        const HEADER: usize = 160;
        const SIGNATURE: usize = 342;
        let claims =
            serde_json::to_vec(&Claims::longest(&self.parties, roles)).map_or(usize::MAX, |text| text.len());
        claims.checked_mul(4).is_some_and(|length| HEADER + length.div_ceil(3) + SIGNATURE + 2 <= MAX_TOKEN)
    }

    /// The access token of `claims`.
    pub async fn sign(&self, claims: &Claims) -> Result<String, KeysError> {
        self.signer().await?.sign(claims)
    }

    /// The key that signs now. Whoever is about to commit something that ends in a token takes it before: then a ring that
    /// cannot be read stops them before anything has happened.
    pub async fn signer(&self) -> Result<Signer, KeysError> {
        Ok(Signer { ring: self.ring(self.clock.now()).await?, entropy: Arc::clone(&self.entropy) })
    }

    /// The claims of `text`, if it is an access token of ours and good at `now`. Touches the store only when the remembered
    /// ring is old, or lacks the token's key. Makes no keys: where there are none nobody has signed anything, and who only
    /// checks tokens need not be allowed to write.
    pub async fn verify(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let ring = self.ring_with(token.kid(), now).await?;
        let key = ring.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify(key, &self.parties, now)?)
    }

    /// The claims of `text`, if it was once an access token of ours, expired or not: for ending its session.
    pub async fn verify_expired(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let ring = self.ring_with(token.kid(), now).await?;
        let key = ring.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify_expired(key, &self.parties)?)
    }

    /// The ring, read again where it lacks the key `kid`: another process may have made that key a moment ago. A flood of
    /// made-up names costs one read in a while; until it is answered, or when it fails, nobody can tell.
    async fn ring_with(&self, kid: KeyId, now: Timestamp) -> Result<Arc<KeyRing>, VerifyError> {
        let unknown = || InvalidToken::from(Reason::UnknownKey);
        let mut ring = self.existing(now).await?.ok_or_else(unknown)?;
        if ring.verifying_key(kid, now).is_none() {
            match self.memory.unknown(now) {
                Unknown::Search => {
                    let found = self.load(now).await?;
                    self.memory.searched();
                    ring = found.ok_or_else(unknown)?;
                }
                Unknown::Absent => {}
                Unknown::CannotTell => return Err(KeysError::from(unavailable("is being read again")).into()),
            }
        }
        Ok(ring)
    }

    /// The public keys, for whoever checks tokens on their own.
    pub async fn jwks(&self) -> Result<Jwks, KeysError> {
        let now = self.clock.now();
        Ok(self.ring(now).await?.jwks(now))
    }

    /// Lets the next key sign; see [`KeyRing::rotate`]. Also puts every key under the current master secret. A store without
    /// a ring gets one, which is new enough. On [`StoreError::Unavailable`] it may have happened; doing it twice does no harm.
    pub async fn rotate(&self) -> Result<Arc<KeyRing>, KeysError> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let Some(item) = self.read(now).await? else { return self.create(now).await };
            let ring = item.decode::<StoredRing>()?.open(&self.sealer)?;
            let ring = ring.rotate(now, self.algorithm, &*self.entropy)?;
            let write = Write::replace(ring_key(), &self.seal(&ring)?, item.version)?;
            if self.put(write, now).await? {
                return Ok(self.memory.remember(ring, item.version.next(), now));
            }
        }
        Err(unavailable("kept being changed by others").into())
    }

    /// The key of the ring's item, when a caller that is about to read the store should read it too and hand the item to
    /// [`absorb`](Self::absorb), which saves a round trip.
    pub fn stale_key(&self, now: Timestamp) -> Option<Key> {
        matches!(self.memory.recall(now), Recall::Reload(_)).then(ring_key)
    }

    /// Takes in what a read at `now` found under [`stale_key`](Self::stale_key). What cannot be used is left for the next
    /// call that needs the ring, which reports it.
    pub fn absorb(&self, item: Option<&Item>, now: Timestamp) {
        if let Some(Err(error)) = item.map(|item| self.open(item, now)) {
            tracing::warn!(%error, "the key ring that was read cannot be used");
        }
    }

    /// The ring, made where there is none.
    async fn ring(&self, now: Timestamp) -> Result<Arc<KeyRing>, KeysError> {
        match self.existing(now).await? {
            Some(ring) => Ok(ring),
            None => self.create(now).await,
        }
    }

    /// The ring, unless there is none.
    async fn existing(&self, now: Timestamp) -> Result<Option<Arc<KeyRing>>, KeysError> {
        let remembered = match self.memory.recall(now) {
            Recall::Use(ring) => return Ok(Some(ring)),
            Recall::Reload(remembered) => remembered,
        };
        match (self.load(now).await, remembered) {
            (Err(error), Some(ring)) => {
                tracing::warn!(%error, "the key ring cannot be read; going on with the remembered one");
                Ok(Some(ring))
            }
            (result, _) => result,
        }
    }

    async fn load(&self, now: Timestamp) -> Result<Option<Arc<KeyRing>>, KeysError> {
        self.read(now).await?.map(|item| self.open(&item, now)).transpose()
    }

    /// Makes the ring, after a read that found none; of several who do so at once all get the same.
    async fn create(&self, now: Timestamp) -> Result<Arc<KeyRing>, KeysError> {
        for _ in 0..ATTEMPTS {
            let ring = KeyRing::create(self.algorithm, &*self.entropy)?;
            if self.put(Write::create(ring_key(), &self.seal(&ring)?)?, now).await? {
                return Ok(self.memory.remember(ring, Version::first(now), now));
            }
            if let Some(ring) = self.load(now).await? {
                return Ok(ring);
            }
        }
        Err(unavailable("kept being changed by others").into())
    }

    fn open(&self, item: &Item, now: Timestamp) -> Result<Arc<KeyRing>, KeysError> {
        if let Some(ring) = self.memory.renew(item.version, now) {
            return Ok(ring);
        }
        let ring = item.decode::<StoredRing>()?.open(&self.sealer)?;
        Ok(self.memory.remember(ring, item.version, now))
    }

    fn seal(&self, ring: &KeyRing) -> Result<StoredRing, SealRingError> {
        StoredRing::seal(ring, &self.sealer, &*self.entropy)
    }

    async fn read(&self, now: Timestamp) -> Result<Option<Item>, StoreError> {
        Ok(self.table.get(&[ring_key()], now).await?.into_iter().next().flatten())
    }

    /// Whether the ring was still as it had been read.
    async fn put(&self, write: Write, now: Timestamp) -> Result<bool, StoreError> {
        match self.table.commit(&[write], now).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the key ring {why}; try again"))
}

#[cfg(test)]
mod tests;

//! Service that stores the key ring, and signs and verifies access tokens with it.

use std::sync::Arc;

use super::access::{Claims, IssuerAndAudience};
use super::invalid::{InvalidToken, Reason};
use super::jwk::{Jwks, KeyId};
use super::key::{GenerateError, SignError};
use super::memory::{KeyMemory, Recall, Slot, Unknown};
use super::ring::KeyRing;
use super::set::KeySet;
use super::stored::{OpenKeysError, ReadKeysError, SealKeysError, StoredKeys, StoredRing, StoredSet};
use super::unverified::UnverifiedToken;
use super::{Algorithm, MAX_TOKEN};
use crate::Timestamp;
use crate::optimistic::{Commit, retry};
use crate::port::table::{Condition, Item, Version, Write};
use crate::port::{Clock, Entropy, StoreError, Table};
use crate::seal::Sealer;

/// Number of tries of a change of the ring that conflicts with changes by other processes.
const ATTEMPTS: usize = 5;

/// Service that signs and verifies access tokens, and stores the keys for it. Cheap to create: a Worker creates one per request
/// over the same [`KeyMemory`].
///
/// The ring is one item of the store and the set of its public keys is another. One conditional commit writes both: if several
/// processes start at once, one creates them and the others read them. Signing reads only the ring and verifying only the set,
/// so a process that only verifies needs no right to the private keys. A copy in memory is at most
/// [`RING_MAX_AGE`](super::RING_MAX_AGE) old; while the store is down, the copy remains in use. No request waits for a read
/// that another request started.
pub struct Keys {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
    algorithm: Algorithm,
    issuer_and_audience: Arc<IssuerAndAudience>,
    memory: Arc<KeyMemory>,
}

/// Signing key at this moment. It signs without reading the store.
pub struct Signer {
    ring: Arc<KeyRing>,
    entropy: Arc<dyn Entropy>,
}

impl Signer {
    /// Returns the access token of `claims`.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeysError> {
        Ok(self.ring.current().sign(claims, &*self.entropy)?)
    }
}

/// Reason that there are no keys to use. None of these concerns a token.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store gave no response, or an unreadable one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored keys cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenKeysError),
    /// New keys cannot be stored.
    #[error(transparent)]
    Seal(#[from] SealKeysError),
    /// New keys cannot be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The token cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Reason that a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// The token cannot be checked now.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl KeysError {
    /// Returns true if the error passes by itself, or with another configuration of this process: the store does not respond,
    /// or this process lacks the secret with which another process sealed the keys.
    pub fn is_outage(&self) -> bool {
        use crate::seal::OpenError;
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_))
                | Self::Open(
                    OpenKeysError::Sealed { source: OpenError::UnknownSecret, .. }
                        | OpenKeysError::Set(OpenError::UnknownSecret)
                )
        )
    }
}

impl From<ReadKeysError> for KeysError {
    fn from(error: ReadKeysError) -> Self {
        match error {
            ReadKeysError::Store(error) => error.into(),
            ReadKeysError::Open(error) => error.into(),
        }
    }
}

/// Keys that a process has in memory as it read them.
trait Remembered: StoredKeys {
    fn slot(memory: &KeyMemory) -> &Slot<Self>;
    /// Stores in memory the item that the store holds at `version`, as read at `now`.
    fn remember(self, memory: &KeyMemory, version: Version, now: Timestamp) -> Arc<Self>;
}

impl Remembered for KeyRing {
    fn slot(memory: &KeyMemory) -> &Slot<Self> {
        &memory.ring
    }

    /// Stores the ring in memory, and also the set, which follows from it.
    fn remember(self, memory: &KeyMemory, version: Version, now: Timestamp) -> Arc<Self> {
        memory.set.remember(KeySet::of(&self), version, now);
        memory.ring.remember(self, version, now)
    }
}

impl Remembered for KeySet {
    fn slot(memory: &KeyMemory) -> &Slot<Self> {
        &memory.set
    }

    fn remember(self, memory: &KeyMemory, version: Version, now: Timestamp) -> Arc<Self> {
        memory.set.remember(self, version, now)
    }
}

impl Keys {
    /// Returns a service over the ring in `table`. New keys use `algorithm`.
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Arc<Sealer>,
        algorithm: Algorithm,
        issuer_and_audience: Arc<IssuerAndAudience>,
        memory: Arc<KeyMemory>,
    ) -> Self {
        Self { table, clock, entropy, sealer, algorithm, issuer_and_audience, memory }
    }

    /// Returns the issuer and audience of the tokens, for [`Claims::new`].
    pub fn issuer_and_audience(&self) -> &IssuerAndAudience {
        &self.issuer_and_audience
    }

    /// Returns true if an access token that names these roles is short enough with any key.
    pub fn can_name(&self, roles: &[String]) -> bool {
        // The header names an algorithm and a key. The longest signature is that of RSA with 2048 bits.
        const HEADER: usize = 160;
        const SIGNATURE: usize = 342;
        let claims = serde_json::to_vec(&Claims::longest(&self.issuer_and_audience, roles))
            .map_or(usize::MAX, |text| text.len());
        claims.checked_mul(4).is_some_and(|length| HEADER + length.div_ceil(3) + SIGNATURE + 2 <= MAX_TOKEN)
    }

    /// Returns the current signing key. Call it before a commit that leads to a token, so that an unreadable ring stops the
    /// request before anything has happened.
    pub async fn signer(&self) -> Result<Signer, KeysError> {
        let now = self.clock.now();
        let ring = match self.existing(now).await? {
            Some(ring) => ring,
            None => self.create(now).await?,
        };
        Ok(Signer { ring, entropy: Arc::clone(&self.entropy) })
    }

    /// Returns the claims of `text`, if it is a genuine access token and valid at `now`. Reads the store only if the set in
    /// memory is old or lacks the key of the token. Creates no keys: without keys nobody has signed anything, and a process
    /// that only verifies tokens needs no right to write.
    pub async fn verify(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let set = self.set_with(token.kid(), now).await?;
        let key = set.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify(key, &self.issuer_and_audience, now)?)
    }

    /// Returns the claims of `text`, if it is a genuine access token, expired or not. Used to end its session.
    pub async fn verify_expired(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let set = self.set_with(token.kid(), now).await?;
        let key = set.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify_expired(key, &self.issuer_and_audience)?)
    }

    /// Returns the set, read again if it lacks the key `kid`, because another process may have created that key a moment ago. A
    /// flood of invented identifiers costs one read in a while. While that read is running or has failed, the result is
    /// unknown.
    async fn set_with(&self, kid: KeyId, now: Timestamp) -> Result<Arc<KeySet>, VerifyError> {
        let unknown = || InvalidToken::from(Reason::UnknownKey);
        let mut set = self.existing::<KeySet>(now).await?.ok_or_else(unknown)?;
        if set.verifying_key(kid, now).is_none() {
            match self.memory.unknown(now) {
                Unknown::Search => {
                    let found = self.load(now).await?;
                    self.memory.searched();
                    set = found.ok_or_else(unknown)?;
                }
                Unknown::Absent => {}
                Unknown::CannotTell => {
                    return Err(KeysError::from(unavailable("are being read again")).into());
                }
            }
        }
        Ok(set)
    }

    /// Returns the public keys, for resource servers. Creates keys if there are none, and never reads a private key.
    pub async fn jwks(&self) -> Result<Jwks, KeysError> {
        let now = self.clock.now();
        let set = match self.existing::<KeySet>(now).await? {
            Some(set) => set,
            None => self.create(now).await?,
        };
        Ok(set.jwks(now))
    }

    /// Makes the next key the signing key; see [`KeyRing::rotate`]. Also seals every key with the current master secret. A
    /// store without a ring gets a new ring instead. On [`StoreError::Unavailable`] the rotation may have happened; a second
    /// one does no harm.
    pub async fn rotate(&self) -> Result<Arc<KeyRing>, KeysError> {
        let changed = self.change(|ring, now| Ok(ring.rotate(now, self.algorithm, &*self.entropy)?)).await?;
        match changed {
            Some(ring) => Ok(ring),
            None => self.create(self.clock.now()).await,
        }
    }

    /// Returns the error for a store that holds only one of the two items, because somebody deleted the other.
    fn half() -> KeysError {
        let why = "it or jwks/set is missing: restore both from a backup, or delete both, which ends every access token".to_owned();
        StoreError::Corrupt { at: KeyRing::key().to_string(), why }.into()
    }

    /// Seals every key with the current master secret, if any key is not. Returns true if it changed something; false if there
    /// are no keys.
    pub async fn reseal(&self) -> Result<bool, KeysError> {
        let [ring, set] = self.items(self.clock.now()).await?;
        let Some(ring) = ring else { return Ok(false) };
        let set = set.map(|item| item.decode::<StoredSet>()).transpose()?;
        if ring.decode::<StoredRing>()?.is_current(&self.sealer)
            && set.is_some_and(|set| set.is_current(&self.sealer))
        {
            return Ok(false);
        }
        Ok(self.change(|ring, _| Ok(ring)).await?.is_some())
    }

    /// Replaces the existing ring by the result of `next`, and its set. Returns `None` if there is no ring.
    async fn change(
        &self,
        next: impl Fn(KeyRing, Timestamp) -> Result<KeyRing, KeysError>,
    ) -> Result<Option<Arc<KeyRing>>, KeysError> {
        let (next, busy) = (&next, || KeysError::from(unavailable("kept being changed by others")));
        retry(ATTEMPTS, busy, || self.try_change(next)).await
    }

    async fn try_change(
        &self,
        next: impl Fn(KeyRing, Timestamp) -> Result<KeyRing, KeysError>,
    ) -> Result<Commit<Option<Arc<KeyRing>>>, KeysError> {
        let now = self.clock.now();
        let [Some(item), set] = self.items(now).await? else { return Ok(Commit::Done(None)) };
        let ring = next(KeyRing::read(&item, &self.sealer)?, now)?;
        let conditions = [
            Condition::Unchanged(item.version),
            set.map_or(Condition::Absent, |item| Condition::Unchanged(item.version)),
        ];
        Ok(match self.put(&ring, conditions, now).await? {
            Commit::Done(()) => Commit::Done(Some(ring.remember(&self.memory, item.version.next(), now))),
            Commit::Conflict(()) => Commit::Conflict(()),
        })
    }

    /// Returns the keys, if there are any.
    async fn existing<T: Remembered>(&self, now: Timestamp) -> Result<Option<Arc<T>>, KeysError> {
        let remembered = match T::slot(&self.memory).recall(now) {
            Recall::Use(keys) => return Ok(Some(keys)),
            Recall::Reload(remembered) => remembered,
        };
        match (self.load(now).await, remembered) {
            (Err(error), Some(keys)) => {
                tracing::warn!(%error, "the signing keys cannot be read; the copy in memory stays in use");
                Ok(Some(keys))
            }
            (result, _) => result,
        }
    }

    async fn load<T: Remembered>(&self, now: Timestamp) -> Result<Option<Arc<T>>, KeysError> {
        let Some(item) = self.table.get(&[T::key()], now).await?.into_iter().next().flatten() else {
            return Ok(None);
        };
        self.memory.renew(item.version, now);
        if let Some(keys) = T::slot(&self.memory).of_version(item.version) {
            return Ok(Some(keys));
        }
        Ok(Some(T::read(&item, &self.sealer)?.remember(&self.memory, item.version, now)))
    }

    /// Creates the keys after a read that found none. If several processes do so at once, all get the same keys.
    async fn create<T: Remembered>(&self, now: Timestamp) -> Result<Arc<T>, KeysError> {
        let ring = KeyRing::create(self.algorithm, &*self.entropy)?;
        if let Commit::Done(()) = self.put(&ring, [Condition::Absent; 2], now).await? {
            ring.remember(&self.memory, Version::first(now), now);
        }
        // Created, or found because another process was faster.
        self.existing(now).await?.ok_or_else(Self::half)
    }

    /// Returns the stored ring and the stored set.
    async fn items(&self, now: Timestamp) -> Result<[Option<Item>; 2], StoreError> {
        let mut items = self.table.get(&[KeyRing::key(), KeySet::key()], now).await?.into_iter();
        Ok([items.next().flatten(), items.next().flatten()])
    }

    /// Writes the ring and its set, if both conditions hold.
    async fn put(
        &self,
        ring: &KeyRing,
        conditions: [Condition; 2],
        now: Timestamp,
    ) -> Result<Commit<()>, KeysError> {
        let [of_ring, of_set] = conditions;
        let (sealer, entropy) = (&self.sealer, &*self.entropy);
        let writes = [
            Write::put(KeyRing::key(), &StoredRing::seal(ring, sealer, entropy)?, of_ring)?,
            Write::put(KeySet::key(), &StoredSet::seal(&KeySet::of(ring), sealer, entropy)?, of_set)?,
        ];
        Ok(Commit::of(self.table.commit(&writes, now).await, ())?)
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the signing keys {why}; try again"))
}

#[cfg(test)]
mod tests;

//! The service that keeps the key ring in the store, and signs and checks access tokens with it.

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

/// How often a change of the ring is tried again because another process changed it first.
const ATTEMPTS: usize = 5;

/// Signs and checks access tokens, and keeps the keys for it. Cheap to make: a Worker makes one per request over the same
/// [`KeyMemory`].
///
/// The ring is one item of the store and the set of its public keys another, both written by one conditional commit: of several
/// processes that start at once one makes them, and the others read that one's. Signing reads the ring alone, and verifying the
/// set alone, so that a process that only verifies needs no right to the private keys. In memory either is at most
/// [`RING_MAX_AGE`](super::RING_MAX_AGE) old; when the store is down, what is remembered goes on being used. No request waits for a
/// read that another one began.
pub struct Keys {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
    algorithm: Algorithm,
    issuer_and_audience: Arc<IssuerAndAudience>,
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
    /// The store gave no response, or an unreadable one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored keys cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenKeysError),
    /// New keys cannot be stored.
    #[error(transparent)]
    Seal(#[from] SealKeysError),
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

/// Keys that a process remembers as it read them.
trait Remembered: StoredKeys {
    fn slot(memory: &KeyMemory) -> &Slot<Self>;
    /// Remembers what the store holds at `version`, as read at `now`.
    fn remember(self, memory: &KeyMemory, version: Version, now: Timestamp) -> Arc<Self>;
}

impl Remembered for KeyRing {
    fn slot(memory: &KeyMemory) -> &Slot<Self> {
        &memory.ring
    }

    /// Who has read the ring has the set as well.
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
    /// A service over the ring in `table`. `algorithm` is that of keys yet to be made.
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

    /// Whose tokens these are, for [`Claims::new`].
    pub fn issuer_and_audience(&self) -> &IssuerAndAudience {
        &self.issuer_and_audience
    }

    /// Whether an access token that names these roles is short enough, whatever key signs it.
    pub fn can_name(&self, roles: &[String]) -> bool {
        // The header names an algorithm and a key; the longest signature is that of RSA with 2048 bits.
        const HEADER: usize = 160;
        const SIGNATURE: usize = 342;
        let claims = serde_json::to_vec(&Claims::longest(&self.issuer_and_audience, roles))
            .map_or(usize::MAX, |text| text.len());
        claims.checked_mul(4).is_some_and(|length| HEADER + length.div_ceil(3) + SIGNATURE + 2 <= MAX_TOKEN)
    }

    /// The key that signs now. Whoever is about to commit something that ends in a token takes it before: then a ring that
    /// cannot be read stops them before anything has happened.
    pub async fn signer(&self) -> Result<Signer, KeysError> {
        let now = self.clock.now();
        let ring = match self.existing(now).await? {
            Some(ring) => ring,
            None => self.create(now).await?,
        };
        Ok(Signer { ring, entropy: Arc::clone(&self.entropy) })
    }

    /// The claims of `text`, if it is an access token of ours and good at `now`. Touches the store only when the remembered
    /// set is old, or lacks the token's key. Makes no keys: where there are none nobody has signed anything, and who only
    /// checks tokens need not be allowed to write.
    pub async fn verify(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let set = self.set_with(token.kid(), now).await?;
        let key = set.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify(key, &self.issuer_and_audience, now)?)
    }

    /// The claims of `text`, if it was once an access token of ours, expired or not: for ending its session.
    pub async fn verify_expired(&self, text: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(text)?;
        let set = self.set_with(token.kid(), now).await?;
        let key = set.verifying_key(token.kid(), now).ok_or(InvalidToken::from(Reason::UnknownKey))?;
        Ok(token.verify_expired(key, &self.issuer_and_audience)?)
    }

    /// The set, read again where it lacks the key `kid`: another process may have made that key a moment ago. A flood of
    /// made-up names costs one read in a while; until it is answered, or when it fails, nobody can tell.
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

    /// The public keys, for whoever checks tokens on their own. Makes keys where there are none, and never reads a private one.
    pub async fn jwks(&self) -> Result<Jwks, KeysError> {
        let now = self.clock.now();
        let set = match self.existing::<KeySet>(now).await? {
            Some(set) => set,
            None => self.create(now).await?,
        };
        Ok(set.jwks(now))
    }

    /// Lets the next key sign; see [`KeyRing::rotate`]. Also puts every key under the current master secret. A store without
    /// a ring gets one, which is new enough. On [`StoreError::Unavailable`] it may have happened; doing it twice does no harm.
    pub async fn rotate(&self) -> Result<Arc<KeyRing>, KeysError> {
        let changed = self.change(|ring, now| Ok(ring.rotate(now, self.algorithm, &*self.entropy)?)).await?;
        match changed {
            Some(ring) => Ok(ring),
            None => self.create(self.clock.now()).await,
        }
    }

    /// The refusal to go on where one of the two items is there and the other is not: somebody deleted it.
    fn half() -> KeysError {
        let why = "it or jwks/set is missing: restore both from a backup, or delete both, which ends every access token".to_owned();
        StoreError::Corrupt { at: KeyRing::key().to_string(), why }.into()
    }

    /// Puts every key under the current master secret, where one is not. Whether that was so; it is not where there are no keys.
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

    /// Replaces the ring that there is, and its set, by what `next` makes of it. None where there is no ring.
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

    /// The keys, unless there are none.
    async fn existing<T: Remembered>(&self, now: Timestamp) -> Result<Option<Arc<T>>, KeysError> {
        let remembered = match T::slot(&self.memory).recall(now) {
            Recall::Use(keys) => return Ok(Some(keys)),
            Recall::Reload(remembered) => remembered,
        };
        match (self.load(now).await, remembered) {
            (Err(error), Some(keys)) => {
                tracing::warn!(%error, "the signing keys cannot be read; going on with the remembered ones");
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

    /// Makes the keys, after a read that found none; of several who do so at once all get the same.
    async fn create<T: Remembered>(&self, now: Timestamp) -> Result<Arc<T>, KeysError> {
        let ring = KeyRing::create(self.algorithm, &*self.entropy)?;
        if let Commit::Done(()) = self.put(&ring, [Condition::Absent; 2], now).await? {
            ring.remember(&self.memory, Version::first(now), now);
        }
        // Made, or found: another process was faster.
        self.existing(now).await?.ok_or_else(Self::half)
    }

    /// The stored ring and the stored set.
    async fn items(&self, now: Timestamp) -> Result<[Option<Item>; 2], StoreError> {
        let mut items = self.table.get(&[KeyRing::key(), KeySet::key()], now).await?.into_iter();
        Ok([items.next().flatten(), items.next().flatten()])
    }

    /// Writes the ring and its set, where both still are as the conditions say.
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

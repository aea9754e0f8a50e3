use std::sync::Arc;

use crate::UserId;
use crate::fault::Fault;
use crate::model::{Argon2Parameters, PasswordHash, StoredHash};
use crate::password::{self, Password};
use crate::port::{Entropy, PasswordHasher};
use crate::seal::Sealer;

/// Hashing of passwords with the configured parameters, and sealing of the hashes.
pub(crate) struct Passwords {
    pub hasher: Arc<dyn PasswordHasher>,
    pub entropy: Arc<dyn Entropy>,
    pub sealer: Arc<Sealer>,
    pub parameters: Argon2Parameters,
}

impl Passwords {
    /// Hashes a password of `owner` and seals the hash.
    pub async fn hash(&self, password: &Password, owner: UserId) -> Result<StoredHash, Fault> {
        let hash = password::hash(password, &self.parameters, &*self.hasher, &*self.entropy).await?;
        self.seal(&hash, owner)
    }

    /// Hashes a password for a store whose secret is not at hand.
    pub async fn hash_unsealed(&self, password: &Password) -> Result<StoredHash, Fault> {
        let hash = password::hash(password, &self.parameters, &*self.hasher, &*self.entropy).await?;
        Ok(StoredHash::unsealed(hash))
    }

    /// Seals a hash of `owner`.
    pub fn seal(&self, hash: &PasswordHash, owner: UserId) -> Result<StoredHash, Fault> {
        Ok(StoredHash::seal(hash, owner, &self.sealer, &*self.entropy)?)
    }

    /// Opens a stored hash of `owner`.
    pub fn open(&self, stored: &StoredHash, owner: UserId) -> Result<PasswordHash, Fault> {
        Ok(stored.open(owner, &self.sealer)?)
    }

    /// Returns whether `password` is the one of `expected`. The work is the same whatever the outcome.
    pub async fn verify(&self, password: &Password, expected: Option<&PasswordHash>) -> Result<bool, Fault> {
        Ok(password::verify(password, expected, &self.parameters, &*self.hasher).await?)
    }

    /// Returns whether the configured parameters protect better than those of `hash`.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        hash.is_outdated(&self.parameters)
    }

    /// Returns whether a stored hash is under the current secret.
    pub fn is_current(&self, stored: &StoredHash) -> bool {
        stored.is_current(&self.sealer)
    }
}

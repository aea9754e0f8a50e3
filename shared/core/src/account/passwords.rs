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

    /// Hashes a password without sealing, if the secret of the store is not available.
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

    /// Returns true if `password` matches `expected`. The work is the same for every result.
    pub async fn verify(&self, password: &Password, expected: Option<&PasswordHash>) -> Result<bool, Fault> {
        Ok(password::verify(password, expected, &self.parameters, &*self.hasher).await?)
    }

    /// Returns true if the configured parameters protect better than those of `hash`.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        hash.is_outdated(&self.parameters)
    }

    /// Returns true if a stored hash is sealed with the current secret.
    pub fn is_current(&self, stored: &StoredHash) -> bool {
        stored.is_current(&self.sealer)
    }
}

use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

/// Length of a derived hash, in bytes.
pub const HASH_LEN: usize = 32;

/// One argon2id computation (RFC 9106), ready to run on the thread that the platform has for it.
pub struct Derivation {
    password: SecretString,
    salt: [u8; 16],
    params: Params,
}

impl Derivation {
    /// Returns the computation for a password in NFC form.
    pub fn new(password: SecretString, salt: [u8; 16], params: Params) -> Self {
        Self { password, salt, params }
    }

    /// Returns the password in NFC form.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Returns the salt.
    pub fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// Returns the parameters: memory, passes and lanes.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Returns the number of blocks of working memory, 1 KiB each, that [`run`](Self::run) needs.
    pub fn memory_blocks(&self) -> usize {
        self.params.block_count()
    }

    /// Returns the number of blocks that it computes. Its run time is proportional to this number.
    pub fn work(&self) -> usize {
        let passes = usize::try_from(self.params.t_cost()).unwrap_or(usize::MAX);
        self.memory_blocks().saturating_mul(passes)
    }

    /// Computes the hash in `memory`, which grows as needed. Reuse it: a new allocation costs a tenth of the whole computation.
    /// Takes tens of milliseconds. Workers run other code that gives the same hash.
    pub fn run(&self, memory: &mut Vec<Block>) -> Result<[u8; HASH_LEN], HasherError> {
        if memory.len() < self.memory_blocks() {
            memory.resize(self.memory_blocks(), Block::new());
        }
        let mut hash = [0; HASH_LEN];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
            .hash_password_into_with_memory(
                self.password.expose_secret().as_bytes(),
                &self.salt,
                &mut hash,
                memory,
            )
            .map_err(|error| HasherError::Failed(error.to_string()))?;
        Ok(hash)
    }
}

/// Reason that a password was not hashed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HasherError {
    /// More hashes are waiting than can be served in time. Respond with 503; the client may retry.
    #[error("too many passwords are being hashed at once")]
    Busy,
    /// The computation failed, or the thread that ran it is gone.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Password hashing: a pool of threads on a machine, inline on a Worker. It bounds the number of hashes that run at once, and
/// so their memory.
///
/// # Example
///
/// One hash at a time on the caller's thread, in memory that is reused:
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use argon2::Block;
/// use async_trait::async_trait;
/// use latchkey_core::port::{Derivation, HASH_LEN, HasherError, PasswordHasher};
///
/// #[derive(Default)]
/// struct InlineHasher(Mutex<Vec<Block>>);
///
/// #[async_trait]
/// impl PasswordHasher for InlineHasher {
///     async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
///         let mut memory = self.0.lock().map_err(|error| HasherError::Failed(error.to_string()))?;
///         job.run(&mut memory)
///     }
/// }
///
/// # use latchkey_testkit::conformance::hasher;
/// let hasher: Arc<dyn PasswordHasher> = Arc::new(InlineHasher::default());
/// pollster::block_on(hasher::jobs_of_every_size_may_follow_each_other(&hasher));
/// ```
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Runs `job` and returns its hash. A caller waits for its turn, at most [`MAX_WAIT`](super::MAX_WAIT). A job that cannot
    /// be served within that time is refused at once with [`HasherError::Busy`].
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError>;
}

use argon2::{Algorithm, Argon2, Block, Params, Version};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

/// The length of a derived hash, in bytes.
pub const HASH_LEN: usize = 32;

/// One argon2id computation (RFC 9106), ready to run on whichever thread the platform has for it.
pub struct Derivation {
    password: SecretString,
    salt: [u8; 16],
    params: Params,
}

impl Derivation {
    /// A computation over the NFC form of a password.
    pub fn new(password: SecretString, salt: [u8; 16], params: Params) -> Self {
        Self { password, salt, params }
    }

    /// The NFC form of the password.
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// The salt.
    pub fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// Memory, passes and lanes.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How many blocks of 1 KiB of working memory [`run`](Self::run) needs.
    pub fn memory_blocks(&self) -> usize {
        self.params.block_count()
    }

    /// How many blocks it computes: the work, to which its time is proportional.
    pub fn work(&self) -> usize {
        let passes = usize::try_from(self.params.t_cost()).unwrap_or(usize::MAX);
        self.memory_blocks().saturating_mul(passes)
    }

    /// Computes the hash in `memory`, which grows as needed and can be used again: allocating it anew costs a tenth of the whole
    /// computation. Takes tens of milliseconds. Workers compute it by other code, which gives the same hash.
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

/// Why a password was not hashed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HasherError {
    /// More hashes wait than can be served in time: answer 503 and let the caller come again.
    #[error("too many passwords are being hashed at once")]
    Busy,
    /// The computation itself failed, or the thread that ran it is gone.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Where password hashing runs: a pool of threads on a machine, in line on a Worker. It bounds how many run at once, and so
/// how much memory they take.
///
/// # Example
///
/// One hash at a time, in memory that is kept, on the caller's thread:
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
    /// Runs `job` and gives its hash. A caller waits for its turn, at most [`MAX_WAIT`](super::MAX_WAIT); what cannot be served
    /// within that is refused at once with [`HasherError::Busy`].
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError>;
}

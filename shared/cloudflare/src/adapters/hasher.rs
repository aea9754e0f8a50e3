use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_argon2_simd::{Argon2, Block, Error, Params, Variant, Version};
use latchkey_core::ExposeSecret;
use latchkey_core::port::{Clock, Derivation, HASH_LEN, HasherError, PasswordHasher};
use worker::Delay;
use worker::send::SendFuture;

use super::WorkerClock;
use crate::admission::Admission;

#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
compile_error!(
    "a Worker hashes in vectors: build it with infra/worker-build, or with RUSTFLAGS='-C target-feature=+simd128'"
);

/// Maximum number of requests of an isolate that wait for their hash. Requests whose turn would come after
/// ten seconds are refused even before that number wait.
const PLACES: usize = 1024;
/// Time for which a request that never comes back holds its place.
const PATIENCE: Duration = Duration::from_secs(30);
/// Number of hashes in a row before other requests are served. With a higher number, permission checks wait
/// longer. With a lower number, waiting requests wake up more often in vain, which takes a fraction of a
/// millisecond each.
const IN_A_ROW: u32 = 2;

/// argon2id in vectors of wasm, on the single thread of the isolate. It computes one hash at a time, in one
/// working memory that is reused (19 MiB with the default Argon2 parameters, of the isolate's 128). While
/// requests wait for their turn, others are served after every few hashes.
#[derive(Debug)]
pub struct InlineHasher {
    admission: Mutex<Admission>,
    memory: Mutex<Vec<Block>>,
    /// Number of computed hashes.
    made: AtomicU32,
}

impl Default for InlineHasher {
    fn default() -> Self {
        Self {
            admission: Mutex::new(Admission::new(PLACES, PATIENCE)),
            memory: Mutex::default(),
            made: AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl PasswordHasher for InlineHasher {
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
        // A panic while this is locked ends the isolate's instance, so a poisoned lock does no harm.
        let admission = || self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = admission().enter(job.work(), WorkerClock.now()).ok_or(HasherError::Busy)?;
        // A request with many others before it need not check at each turn.
        let mut pause = ticket.wait / 4 * 3;
        // This moves the request to the end of the runtime's queue: requests that arrived in the meantime go
        // first, and later ones find the place taken. Timers that are due at the same moment all fire before
        // the runtime looks at new arrivals, so the first of them hash, and the others wait once more. No
        // request wakes another one, which the runtime forbids.
        loop {
            let before = self.made.load(Ordering::Relaxed);
            SendFuture::new(Delay::from(std::mem::take(&mut pause))).await;
            if self.made.load(Ordering::Relaxed).wrapping_sub(before) < IN_A_ROW {
                break;
            }
        }
        let hash = run(&job, &mut self.memory.lock().unwrap_or_else(PoisonError::into_inner));
        self.made.fetch_add(1, Ordering::Relaxed);
        admission().leave(ticket, WorkerClock.now());
        hash
    }
}

/// Computes the hash in `memory`, which grows as needed. It does the same as [`Derivation::run`], in vectors.
fn run(job: &Derivation, memory: &mut Vec<Block>) -> Result<[u8; HASH_LEN], HasherError> {
    let failed = |error: Error| HasherError::Failed(error.to_string());
    let params =
        Params::new(job.params().m_cost(), job.params().t_cost(), job.params().p_cost()).map_err(failed)?;
    if memory.len() < params.blocks() {
        // The old memory is freed first, and only the needed size is allocated, because an isolate has 128
        // MiB for both. If even that fails, the instance aborts, and the next one begins with an empty
        // memory. An error would leave this instance as full as it is.
        *memory = Vec::new();
        memory.reserve_exact(params.blocks());
        memory.resize(params.blocks(), Block::ZERO);
    }
    let mut hash = [0; HASH_LEN];
    Argon2::new(Variant::Id, Version::V0x13, params)
        .hash(job.password().expose_secret().as_bytes(), job.salt(), memory, &mut hash)
        .map_err(failed)?;
    Ok(hash)
}

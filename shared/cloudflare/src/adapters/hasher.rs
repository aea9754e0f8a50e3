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

/// How many requests of an isolate may wait for their hash at most. Before that many wait, those whose turn would come after ten
/// seconds are refused.
const PLACES: usize = 1024;
/// How long a request that never comes back holds its place.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many hashes are made before what came meanwhile is answered. More of them leave checks waiting longer; fewer wake those
/// who wait for their turn more often for nothing, a part of a millisecond each.
const IN_A_ROW: u32 = 2;

/// argon2id in vectors of wasm, on the isolate's one thread: one at a time, in one working memory that is kept (19 MiB at the
/// default strength, of the isolate's 128). While requests wait for their turn others are answered, after each few hashes.
#[derive(Debug)]
pub struct InlineHasher {
    admission: Mutex<Admission>,
    memory: Mutex<Vec<Block>>,
    /// How many hashes were made.
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
        // Nothing that panics while it is locked leaves an isolate to go on with.
        let admission = || self.admission.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = admission().enter(job.work(), WorkerClock.now()).ok_or(HasherError::Busy)?;
        // Who has many before them need not look at each turn whether it is theirs.
        let mut pause = ticket.wait / 4 * 3;
        // To the end of the runtime's queue: what came meanwhile goes first, and what comes next finds the place taken. Timers
        // that are due at once all fire before the runtime looks at what has come: so the first of them hash, and the others
        // wait once more. Nobody wakes anybody, which one request must not do for another.
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

/// Computes the hash in `memory`, which grows as needed: what [`Derivation::run`] does, in vectors.
fn run(job: &Derivation, memory: &mut Vec<Block>) -> Result<[u8; HASH_LEN], HasherError> {
    let failed = |error: Error| HasherError::Failed(error.to_string());
    let params =
        Params::new(job.params().m_cost(), job.params().t_cost(), job.params().p_cost()).map_err(failed)?;
    if memory.len() < params.blocks() {
        // The old one goes first, and no more than is needed comes: an isolate has 128 MiB for both. Where even that cannot be had
        // the instance aborts, and the next one begins with an empty memory; an error would leave this one as full as it is.
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

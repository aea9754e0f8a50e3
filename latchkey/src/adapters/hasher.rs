use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use argon2::Block;
use async_trait::async_trait;
use latchkey_core::port::{Derivation, HASH_LEN, HasherError, PasswordHasher};
use latchkey_native::vec_on_huge_pages;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::queue::{Job, Next, Queue, Work};

mod queue;

/// Size of a [`PooledHasher`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSize {
    /// Number of hashes that run at the same time, each on its own thread and in its own memory (19 MiB with
    /// the default Argon2 parameters).
    pub threads: NonZeroUsize,
    /// Maximum number of callers that wait for a thread, for all threads together. Callers who cannot be
    /// served within [`MAX_WAIT`](latchkey_core::port::MAX_WAIT) get [`HasherError::Busy`] even before that
    /// number wait.
    pub waiting: usize,
    /// Time for which an idle thread keeps its memory.
    pub idle: Duration,
}

impl PoolSize {
    /// Returns a size of `threads` threads with at most 4,096 waiting callers each (about 4 MB). Threads
    /// release their memory after five seconds without work.
    pub fn of(threads: NonZeroUsize) -> Self {
        Self { threads, waiting: threads.get().saturating_mul(4096), idle: Duration::from_secs(5) }
    }
}

impl Default for PoolSize {
    /// Returns as many threads as the machine runs in parallel, because hashing is pure computation.
    fn default() -> Self {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

/// argon2id on threads of its own, so that a sign-in never blocks the threads that serve requests.
///
/// Each thread reuses one buffer for all hashes. A caller that goes away while it waits causes no hash.
/// Dropping the pool waits for the running hashes.
pub struct PooledHasher {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl PooledHasher {
    /// Number of blocks of 1 KiB that a thread reserves. It is more than most jobs use, and unused pages cost
    /// nothing. glibc maps an allocation of at least 32 MiB separately and unmaps it when it is freed. A
    /// smaller one would stay with glibc after its first use, and the process would grow by the size of the
    /// pool at every burst.
    pub const ROOM: usize = 33 * 1024;

    /// Starts the threads. Returns the system's error if it grants none.
    pub fn new(size: &PoolSize) -> io::Result<Self> {
        let threads = size.threads.get();
        let queue = Arc::new(Queue::new(threads, threads.saturating_add(size.waiting)));
        // The pool is created first, so that an error midway stops the threads that already run.
        let mut pool = Self { queue, threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let (queue, idle) = (Arc::clone(&pool.queue), size.idle);
            let thread = thread::Builder::new().name(format!("hasher-{number}")).spawn(move || {
                let mut memory = Vec::new();
                while serve(&queue, &mut memory, idle).is_continue() {}
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    async fn run(&self, blocks: usize, work: Work) -> Result<[u8; HASH_LEN], HasherError> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Job { work, blocks, since: Instant::now(), reply })?;
        answer.await.unwrap_or_else(|_| Err(HasherError::Failed("the thread that ran it is gone".to_owned())))
    }
}

#[async_trait]
impl PasswordHasher for PooledHasher {
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
        self.run(job.work(), Box::new(move |memory| job.run(memory))).await
    }
}

impl Drop for PooledHasher {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // Threads end by themselves and have no panic to pass on.
            let _ = thread.join();
        }
    }
}

/// Runs one turn of a thread: a job, or the release of its memory after the idle time.
fn serve(queue: &Queue, memory: &mut Vec<Block>, idle: Duration) -> ControlFlow<()> {
    let patience = (memory.capacity() > 0).then_some(idle);
    match queue.next(patience, Instant::now) {
        Next::Job(Job { work, blocks, reply, .. }) => {
            let begin = Instant::now();
            if memory.capacity() == 0 {
                *memory = vec_on_huge_pages(PooledHasher::ROOM);
            }
            let answer = catch_unwind(AssertUnwindSafe(|| work(memory))).unwrap_or_else(|_| {
                *memory = Vec::new();
                Err(HasherError::Failed("the computation panicked".to_owned()))
            });
            // This comes before the reply: a caller that gets its response and asks again finds the place
            // free.
            queue.done(blocks, begin.elapsed());
            let _ = reply.send(answer);
        }
        Next::Nothing => *memory = Vec::new(),
        Next::Closed => return ControlFlow::Break(()),
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests;

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

/// How large a [`PooledHasher`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSize {
    /// How many hashes are computed at once, each on a thread and in memory of its own (19 MiB at the default strength).
    pub threads: NonZeroUsize,
    /// How many callers may wait for a thread at most, all threads together. Before that many wait, those who cannot be served
    /// within [`MAX_WAIT`](latchkey_core::port::MAX_WAIT) are told [`HasherError::Busy`].
    pub waiting: usize,
    /// How long a thread without work keeps its memory.
    pub idle: Duration,
}

impl PoolSize {
    /// `threads` threads with at most 4,096 waiting callers each, which are some 4 MB, and memory given back after five seconds
    /// without work.
    pub fn of(threads: NonZeroUsize) -> Self {
        Self { threads, waiting: threads.get().saturating_mul(4096), idle: Duration::from_secs(5) }
    }
}

impl Default for PoolSize {
    /// As many threads as the machine runs at once: a hash is nothing but computation.
    fn default() -> Self {
        Self::of(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

/// argon2id on threads of its own, so that a sign-in never holds up the threads that answer requests.
///
/// Each thread works in one buffer that it keeps from hash to hash. A caller that has gone away while it waited costs no
/// hash. Dropping the pool waits for the hashes under way.
pub struct PooledHasher {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl PooledHasher {
    /// How many blocks of 1 KiB a thread reserves. More than most jobs touch, and what is not touched costs nothing; but from
    /// 32 MiB on glibc maps an allocation on its own and unmaps it when it is freed. What is smaller it keeps after the
    /// first time, on the pages that it had, and the process grows by the size of the pool at every burst.
    pub const ROOM: usize = 33 * 1024;

    /// Starts the threads. The error is the system's, when it grants none.
    pub fn new(size: &PoolSize) -> io::Result<Self> {
        let threads = size.threads.get();
        let queue = Arc::new(Queue::new(threads, threads.saturating_add(size.waiting)));
        // Made first, so that an error part-way ends the threads that run already.
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
            // A thread ends by itself; it has no panic to pass on.
            let _ = thread.join();
        }
    }
}

/// One turn of a thread: a job, or the end of its patience.
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
            // Before the reply: who has a response and asks again finds the place free.
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

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Block;
use latchkey_core::port::{HASH_LEN, HasherError, MAX_WAIT, Pace};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A computation in the memory of the thread that runs it.
pub(super) type Work = Box<dyn FnOnce(&mut Vec<Block>) -> Result<[u8; HASH_LEN], HasherError> + Send>;

/// Work and the receiver of its result.
pub(super) struct Job {
    pub(super) work: Work,
    /// Amount of work, in blocks.
    pub(super) blocks: usize,
    /// Arrival.
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<Result<[u8; HASH_LEN], HasherError>>,
}

/// Next step of a thread.
pub(super) enum Next {
    Job(Job),
    /// No work arrived within the patience of the thread.
    Nothing,
    Closed,
}

/// A first-come, first-served queue for several threads, as long as waiting callers are served within
/// [`MAX_WAIT`].
pub(super) struct Queue {
    threads: usize,
    /// Maximum number of running and waiting jobs together, which bounds the memory. There is a single bound,
    /// so that a job which an idle thread has not yet picked up does not use the place of a waiting one.
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    /// Blocks of all waiting and running jobs.
    blocks: usize,
    pace: Pace,
    closed: bool,
}

impl State {
    fn is_full(&self, queue: &Queue) -> bool {
        // An idle thread starts at once, whatever the pace.
        let ahead = self.running.saturating_add(self.waiting.len());
        let wait = self.pace.of(self.blocks / queue.threads.max(1));
        ahead >= queue.capacity || (ahead >= queue.threads && wait > MAX_WAIT)
    }

    /// Removes jobs whose callers have gone away.
    fn drop_abandoned(&mut self) {
        self.waiting.retain(|job| {
            let is_wanted = !job.reply.is_closed();
            if !is_wanted {
                self.blocks = self.blocks.saturating_sub(job.blocks);
            }
            is_wanted
        });
    }

    /// Returns the next job whose caller still waits and which arrived within [`MAX_WAIT`]. Earlier jobs that
    /// are too late get [`HasherError::Busy`]: the pace was better when they arrived.
    fn take(&mut self, now: Instant) -> Option<Job> {
        while let Some(job) = self.waiting.pop_front() {
            let is_late = now.saturating_duration_since(job.since) > MAX_WAIT;
            if !is_late && !job.reply.is_closed() {
                return Some(job);
            }
            self.blocks = self.blocks.saturating_sub(job.blocks);
            let _ = job.reply.send(Err(HasherError::Busy));
        }
        None
    }
}

impl Queue {
    pub(super) fn new(threads: usize, capacity: usize) -> Self {
        Self { threads, capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Queues `job`, or returns [`HasherError::Busy`].
    pub(super) fn push(&self, job: Job) -> Result<(), HasherError> {
        let mut state = self.state();
        if state.is_full(self) {
            state.drop_abandoned();
        }
        if state.is_full(self) {
            return Err(HasherError::Busy);
        }
        state.blocks = state.blocks.saturating_add(job.blocks);
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Returns the next job. Waits at most `patience`, or until the queue is closed. After a job the thread
    /// must call [`done`](Self::done).
    pub(super) fn next(&self, patience: Option<Duration>, now: impl Fn() -> Instant) -> Next {
        let mut taken = None;
        let nothing_to_do = |state: &mut State| {
            taken = state.take(now());
            taken.is_none() && !state.closed
        };
        let state = self.state();
        let mut state = match patience {
            None => self.changed.wait_while(state, nothing_to_do).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                self.changed
                    .wait_timeout_while(state, patience, nothing_to_do)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        if state.closed {
            return Next::Closed;
        }
        let Some(job) = taken else { return Next::Nothing };
        state.running += 1;
        Next::Job(job)
    }

    /// Records that a job of `blocks` from [`next`](Self::next) ended after the time `took`.
    pub(super) fn done(&self, blocks: usize, took: Duration) {
        let mut state = self.state();
        state.running -= 1;
        state.blocks = state.blocks.saturating_sub(blocks);
        state.pace.note(blocks, took);
    }

    /// Tells every thread to end, and drops all waiting jobs.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

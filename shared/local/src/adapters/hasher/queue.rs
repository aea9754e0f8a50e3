use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Block;
use latchkey_core::port::{HASH_LEN, HasherError};
use tokio::sync::oneshot;

/// A computation in the memory of the thread that runs it.
pub(super) type Work = Box<dyn FnOnce(&mut Vec<Block>) -> Result<[u8; HASH_LEN], HasherError> + Send>;

/// Work, and where its answer goes.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<[u8; HASH_LEN], HasherError>>,
}

/// What a thread does next.
pub(super) enum Next {
    Job(Job),
    /// There was no work for as long as the thread was willing to wait.
    Nothing,
    Closed,
}

/// First come, first served, for several threads, up to a bound.
pub(super) struct Queue {
    /// How many jobs may run and wait together. One bound over both, so that a job that an idle thread has not yet
    /// picked up does not take the place of one that waits.
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    running: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Queues `job`, or [`HasherError::Busy`].
    pub(super) fn push(&self, job: Job) -> Result<(), HasherError> {
        let mut state = self.state();
        if state.running + state.waiting.len() >= self.capacity {
            state.waiting.retain(|job| !job.reply.is_closed());
        }
        if state.running + state.waiting.len() >= self.capacity {
            return Err(HasherError::Busy);
        }
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job whose caller still wants it. Waits for one at most as long as `patience`, or until the queue is
    /// closed. Whoever takes a job says [`done`](Self::done) after it.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let nothing_to_do = |state: &mut State| {
            while state.waiting.front().is_some_and(|job| job.reply.is_closed()) {
                state.waiting.pop_front();
            }
            state.waiting.is_empty() && !state.closed
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
        let Some(job) = state.waiting.pop_front() else { return Next::Nothing };
        state.running += 1;
        Next::Job(job)
    }

    /// A job that [`next`](Self::next) gave has ended.
    pub(super) fn done(&self) {
        self.state().running -= 1;
    }

    /// Sends every thread home. What still waits is dropped.
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

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_core::Timestamp;

/// Keeps a store that fails from being asked by every request.
///
/// After [`THRESHOLD`](Self::THRESHOLD) failures in a row it is open: nothing is asked, and no time lost. From then on one
/// request in each [`PAUSE`](Self::PAUSE) may try; its success closes the breaker. A trial needs no end to be told: one that is
/// given up halfway, as a Worker's request can be, only leaves the next to the next pause.
///
/// Plain memory of the process; one serves every port over the same store. Its time is the caller's.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    /// While open: when the next trial may go.
    retry_at: Timestamp,
    /// The latest time that was told, for calls that have none.
    seen: Timestamp,
    /// What the last failure was.
    why: String,
}

/// What is not asked, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// The last failure.
    pub why: String,
}

impl Breaker {
    /// How many failures in a row open it.
    pub const THRESHOLD: u32 = 3;
    /// How long between trials: longer than any trial takes, so that there is one at a time.
    pub const PAUSE: Duration = Duration::from_secs(5);

    /// Closed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the store may be asked. Without a time a call passes while the breaker is closed, and is no trial.
    pub(crate) fn admit(&self, now: Option<Timestamp>) -> Result<(), Open> {
        let mut state = self.state();
        if let Some(now) = now {
            state.seen = now;
        }
        if state.failures < Self::THRESHOLD {
            return Ok(());
        }
        match now {
            Some(now) if state.is_due(now) => {
                state.retry_at = now + Self::PAUSE;
                Ok(())
            }
            _ => Err(Open { why: state.why.clone() }),
        }
    }

    /// The store answered.
    pub(crate) fn succeeded(&self) {
        self.state().failures = 0;
    }

    /// The store did not. Gives whether this opened the breaker.
    pub(crate) fn failed(&self, why: &str) -> bool {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        why.clone_into(&mut state.why);
        if state.failures == Self::THRESHOLD {
            state.retry_at = state.seen + Self::PAUSE;
            return true;
        }
        false
    }

    /// A panic while it was held left whole words behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A wait longer than a pause is no wait: the clock was turned back.
    fn is_due(&self, now: Timestamp) -> bool {
        let wait = self.retry_at.since(now);
        wait.is_zero() || wait > Breaker::PAUSE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + millis)
    }

    fn fail(breaker: &Breaker, times: u32, now: Timestamp) {
        for _ in 0..times {
            breaker.admit(Some(now)).unwrap();
            breaker.failed("down");
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_is_tried_at_a_time() {
        let breaker = Breaker::new();
        fail(&breaker, 3, at(0));
        let open = Err(Open { why: "down".to_owned() });
        assert_eq!(breaker.admit(Some(at(0))), open);
        assert_eq!(breaker.admit(Some(at(4999))), open);
        assert_eq!(breaker.admit(Some(at(5000))), Ok(()), "the first trial");
        assert_eq!(breaker.admit(Some(at(5000))), open, "it is under way");
        assert_eq!(breaker.admit(Some(at(9999))), open, "it was given up, or failed");
        assert_eq!(breaker.admit(Some(at(10_000))), Ok(()), "the second trial");
        breaker.succeeded();
        for _ in 0..10 {
            assert_eq!(breaker.admit(Some(at(10_000))), Ok(()));
        }
    }

    #[test]
    fn a_success_in_between_starts_the_row_again() {
        let breaker = Breaker::new();
        for _ in 0..10 {
            fail(&breaker, 2, at(0));
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(Some(at(0))), Ok(()));
        assert!(!breaker.failed("down") && !breaker.failed("down"));
        assert!(breaker.failed("down"), "this one opens it, and says so");
        assert!(!breaker.failed("down"), "it was open already");
    }

    #[test]
    fn a_clock_that_is_turned_back_does_not_keep_it_open() {
        let breaker = Breaker::new();
        fail(&breaker, 3, at(86_400_000));
        assert_eq!(breaker.admit(Some(at(0))), Ok(()));
    }

    #[test]
    fn a_call_without_a_time_is_no_trial() {
        let breaker = Breaker::new();
        assert_eq!(breaker.admit(None), Ok(()));
        fail(&breaker, 3, at(0));
        assert!(breaker.admit(None).is_err());
        assert_eq!(breaker.admit(Some(at(5000))), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.admit(None), Ok(()));
    }

    #[test]
    fn of_many_at_once_one_tries() {
        const THREADS: usize = 8;
        let breaker = Breaker::new();
        fail(&breaker, 3, at(0));
        for round in 1..=50 {
            let (start, tries) = (Barrier::new(THREADS), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        let passed = breaker.admit(Some(at(5000 * round))).is_ok();
                        tries.fetch_add(usize::from(passed), Ordering::SeqCst);
                    });
                }
            });
            assert_eq!(tries.into_inner(), 1);
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask { store_up: bool },
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => any::<bool>().prop_map(|store_up| Step::Ask { store_up }),
            // Sometimes back.
            1 => (-2000..8000_i64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever happens: the store is asked while it answers; after three failures in a row at most once in a pause, and
        /// at least once in a pause and a clock's jump.
        #[test]
        fn a_dead_store_is_asked_once_in_a_pause(steps in proptest::collection::vec(step(), 0..200)) {
            let breaker = Breaker::new();
            let (mut now, mut row, mut last_ask) = (at(0), 0_u32, at(0));
            for step in steps {
                match step {
                    Step::Wait(millis) => now = Timestamp::from_millis(now.as_millis() + millis),
                    Step::Ask { store_up } => {
                        let passed = breaker.admit(Some(now)).is_ok();
                        let aged = now.as_millis() - last_ask.as_millis();
                        prop_assert_eq!(passed, row < Breaker::THRESHOLD || !(0..5000).contains(&aged));
                        if passed {
                            last_ask = now;
                            if store_up { breaker.succeeded() } else { breaker.failed("down"); }
                            row = if store_up { 0 } else { row + 1 };
                        }
                    }
                }
            }
        }
    }
}

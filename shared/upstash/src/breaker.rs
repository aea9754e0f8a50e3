use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use latchkey_core::Timestamp;

/// Circuit breaker: it stops requests from calling a store that fails.
///
/// After [`THRESHOLD`](Self::THRESHOLD) failures in a row it is open: no call is made, and no time is lost.
/// Then one request in each [`PAUSE`](Self::PAUSE) may try, and its success closes the breaker. A trial may
/// end without a report, as a Worker's request can: the next trial then comes after the next pause.
///
/// Its state is in the memory of the process, and one breaker serves every port over the same store. The
/// caller provides the time.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Number of failures in a row.
    failures: u32,
    /// Time of the next trial, while open.
    retry_at: Timestamp,
    /// Latest known time, for calls without one.
    seen: Timestamp,
    /// Text of the last failure.
    why: String,
}

/// Refusal of a call, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Last failure.
    pub why: String,
}

impl Breaker {
    /// Number of failures in a row that open it.
    pub const THRESHOLD: u32 = 3;
    /// Time between trials. It is longer than any trial takes, so only one runs at a time.
    pub const PAUSE: Duration = Duration::from_secs(5);

    /// Creates a closed breaker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits or refuses a call to the store. Without a time a call passes while the breaker is closed, and
    /// never as a trial.
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

    /// Records that the store responded.
    pub(crate) fn succeeded(&self) {
        self.state().failures = 0;
    }

    /// Records a failed call. Returns true if this opened the breaker.
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

    /// The state is plain numbers and text, so it is valid even after a panic of its holder.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns true if a trial is due. A wait longer than a pause means that the clock was turned back, so it
    /// counts as due.
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
            // The clock sometimes goes back.
            1 => (-2000..8000_i64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// While the store responds, every call reaches it. After three failures in a row at most one call
        /// reaches it in a pause, and at least one in a pause plus a clock's jump.
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

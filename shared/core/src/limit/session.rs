//! In-process limit on reads with a valid token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::{Action, Limits};
use super::limiter::RateLimitExceeded;
use super::quota::Quota;
use crate::Timestamp;

/// Meter of the reads of one session, in eight bytes and without a lock. Store it next to the copy of the session in this
/// process; it must outlive each reload of that copy.
///
/// It uses the generic cell rate algorithm (ITU-T I.371), in exact integers. It holds the time until which the hits so far are
/// paid for. Each hit pays for `length / limit`, and at most `length` may be paid in advance. A session that keeps to the quota
/// in every stretch of `length` is never refused. No stretch holds more than `2 * limit - 1` hits, and in the long run `limit`
/// hits per `length` pass. The meter protects against a misbehaving client, so a restart or a second process may start with a
/// new one. A clock that jumps back costs a session at most the wait of a full window.
#[derive(Debug, Default)]
pub struct SessionMeter {
    /// Time in ticks. A millisecond has `limit` ticks, so each hit costs a whole number: the length in milliseconds.
    paid_until: AtomicU64,
}

impl SessionMeter {
    /// Returns the meter of a session without hits.
    pub const fn new() -> Self {
        Self { paid_until: AtomicU64::new(0) }
    }

    /// Counts a read at `now`, or refuses it.
    pub fn admit(&self, limits: &Limits, now: Timestamp) -> Result<(), RateLimitExceeded> {
        let Some(quota) = limits.quota(Action::Session) else { return Ok(()) };
        let step = Step::new(quota, now);
        // Always an `Ok`: the closure also stores the correction after a jump of the clock if the hit is refused.
        let (Ok(paid_until) | Err(paid_until)) =
            self.paid_until
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid| Some(step.take(paid).0));
        match step.take(paid_until).1 {
            None => Ok(()),
            Some(wait) => Err(RateLimitExceeded::new(Action::Session, quota.limit(), wait)),
        }
    }
}

/// One hit, in ticks.
struct Step {
    ticks_per_milli: u64,
    now: u64,
    cost: u64,
    /// Latest time that may be paid for.
    horizon: u64,
}

impl Step {
    fn new(quota: Quota, now: Timestamp) -> Self {
        let ticks_per_milli = u64::from(quota.limit());
        let cost = u64::try_from(quota.length().as_millis()).unwrap_or(u64::MAX);
        let now = u64::try_from(now.as_millis()).unwrap_or(0).saturating_mul(ticks_per_milli);
        let horizon = now.saturating_add(cost.saturating_mul(ticks_per_milli));
        Self { ticks_per_milli, now, cost, horizon }
    }

    /// Returns the time that is paid for after this hit, and the wait if it is refused.
    fn take(&self, paid_until: u64) -> (u64, Option<Duration>) {
        // No time beyond the horizon was ever paid for: if it is later, the clock has jumped back.
        let start = paid_until.clamp(self.now, self.horizon);
        let paid = start.saturating_add(self.cost);
        if paid <= self.horizon {
            return (paid, None);
        }
        let wait = (paid - self.horizon).div_ceil(self.ticks_per_milli);
        (start, Some(Duration::from_millis(wait)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::SlidingLog;
    use crate::port::Window;
    use proptest::prelude::*;

    fn limits(quota: &str) -> Limits {
        Limits::parse(&format!("session={quota}"), false).unwrap()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + millis)
    }

    fn admitted(meter: &SessionMeter, limits: &Limits, millis: i64) -> bool {
        meter.admit(limits, at(millis)).is_ok()
    }

    #[test]
    fn a_whole_quota_at_once_then_at_its_rate() {
        let (meter, limits) = (SessionMeter::new(), Limits::default());
        assert!((0..600).all(|_| admitted(&meter, &limits, 0)));
        let limited = meter.admit(&limits, at(0)).unwrap_err();
        assert_eq!((limited.action, limited.limit), (Action::Session, 600));
        assert_eq!(limited.retry_after, Duration::from_secs(1));
        assert!(!admitted(&meter, &limits, 99));
        assert!(admitted(&meter, &limits, 100));
        assert!(!admitted(&meter, &limits, 199));
        assert_eq!((0..1000).filter(|_| admitted(&meter, &limits, 60_200)).count(), 600);
    }

    #[test]
    fn the_wait_is_exact_to_the_second() {
        let (meter, limits) = (SessionMeter::new(), limits("2/1m"));
        assert!(admitted(&meter, &limits, 0) && admitted(&meter, &limits, 0));
        assert_eq!(meter.admit(&limits, at(500)).unwrap_err().retry_after, Duration::from_secs(30));
        assert!(!admitted(&meter, &limits, 29_999));
        assert!(admitted(&meter, &limits, 30_000));
    }

    #[test]
    fn a_clock_that_jumps_back_locks_no_session_out() {
        let (meter, limits) = (SessionMeter::new(), limits("3/1m"));
        assert!((0..3).all(|_| admitted(&meter, &limits, 365 * 86_400_000)));
        assert!(!admitted(&meter, &limits, 0));
        assert!(!admitted(&meter, &limits, 19_999));
        assert!(admitted(&meter, &limits, 20_000));
    }

    #[test]
    fn off_refuses_nothing() {
        let meter = SessionMeter::new();
        assert!((0..10_000).all(|_| admitted(&meter, &Limits::Off, 0)));
    }

    #[test]
    fn threads_share_the_quota_exactly() {
        let (meter, limits) = (SessionMeter::new(), Limits::default());
        let total: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..200).filter(|_| admitted(&meter, &limits, 0)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(total, 600);
    }

    proptest! {
        #[test]
        fn a_client_that_keeps_to_the_quota_is_never_refused(
            limit in 1_u32..8,
            secs in 1_u64..5,
            steps in proptest::collection::vec(0_i64..1500, 1..200),
        ) {
            let limits = limits(&format!("{limit}/{secs}s"));
            let window = Window { key: "k".to_owned(), limit, length: Duration::from_secs(secs) };
            let (meter, mut log, mut now) = (SessionMeter::new(), SlidingLog::default(), 0);
            for step in steps {
                now += step;
                if log.hit(&window, at(now)).admitted {
                    prop_assert!(admitted(&meter, &limits, now));
                }
            }
        }

        #[test]
        fn no_stretch_holds_twice_the_limit(
            limit in 1_u32..8,
            secs in 1_u64..5,
            steps in proptest::collection::vec(0_i64..400, 1..200),
        ) {
            let limits = limits(&format!("{limit}/{secs}s"));
            let length = i64::try_from(secs * 1000).unwrap();
            let (meter, mut now, mut passed) = (SessionMeter::new(), 0, Vec::new());
            for step in steps {
                now += step;
                if admitted(&meter, &limits, now) {
                    passed.push(now);
                }
            }
            for start in &passed {
                let held = passed.iter().filter(|hit| (*start..*start + length).contains(*hit)).count();
                prop_assert!(held < 2 * usize::try_from(limit).unwrap());
            }
        }
    }
}

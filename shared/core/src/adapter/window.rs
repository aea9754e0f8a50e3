//! Sliding window as an exact log of its hits. All adapters of [`Counters`](crate::port::Counters) share this definition.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::port::{Count, StoreError, Window};

/// Maximum length of the key of a window, in bytes.
pub const MAX_KEY: usize = 256;

/// Hits of one window: at most `limit` of them, in order of time.
///
/// Limit and length come with each call, so a changed quota applies at once to the existing hits. Stored as the list of its
/// hits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "VecDeque<Timestamp>", into = "VecDeque<Timestamp>")]
pub struct SlidingLog {
    hits: VecDeque<Timestamp>,
}

impl SlidingLog {
    /// Returns the result that [`hit`](Self::hit) would give at `now`, without counting.
    pub fn peek(&self, window: &Window, now: Timestamp) -> Count {
        let moment = self.moment(now);
        let over = self.hits.partition_point(|hit| moment.since(*hit) >= window.length);
        let used = self.hits.len() - over;
        let limit = usize::try_from(window.limit).unwrap_or(usize::MAX);
        let admitted = used < limit;
        Count {
            used: u32::try_from(used).unwrap_or(u32::MAX),
            free_in: if admitted { Duration::ZERO } else { self.free_in(limit, window.length, now) },
            admitted,
        }
    }

    /// Counts a hit at `now` if it fits. If `now` is before the last hit, the hit counts at the time of that hit.
    pub fn hit(&mut self, window: &Window, now: Timestamp) -> Count {
        let room = self.peek(window, now);
        if !room.admitted {
            return room;
        }
        let moment = self.moment(now);
        while self.hits.front().is_some_and(|hit| moment.since(*hit) >= window.length) {
            self.hits.pop_front();
        }
        self.hits.push_back(moment);
        Count { admitted: true, ..self.peek(window, now) }
    }

    /// Returns the time at which the window is empty if no more hits come; `None` if it is already empty.
    pub fn ends(&self, length: Duration) -> Option<Timestamp> {
        self.hits.back().map(|last| *last + length)
    }

    fn moment(&self, now: Timestamp) -> Timestamp {
        self.hits.back().map_or(now, |last| now.max(*last))
    }

    /// Returns the time from `now` until the hit that is `limit` from the end leaves the window, so that fewer than `limit` are
    /// left.
    fn free_in(&self, limit: usize, length: Duration, now: Timestamp) -> Duration {
        let blocking = self.hits.len().checked_sub(limit).and_then(|place| self.hits.get(place));
        blocking.map_or(length, |hit| {
            // One of the two ages is zero.
            length.saturating_sub(now.since(*hit)).saturating_add(hit.since(now))
        })
    }
}

impl From<VecDeque<Timestamp>> for SlidingLog {
    fn from(mut hits: VecDeque<Timestamp>) -> Self {
        hits.make_contiguous().sort_unstable();
        Self { hits }
    }
}

impl From<SlidingLog> for VecDeque<Timestamp> {
    fn from(log: SlidingLog) -> Self {
        log.hits
    }
}

/// Checks a hit against the rules of the port. Every adapter calls it first, so that all refuse the same hits.
pub fn check(windows: &[Window]) -> Result<(), StoreError> {
    for (place, window) in windows.iter().enumerate() {
        let Window { key, limit, length } = window;
        let refuse = |why: String| Err(StoreError::Refused(format!("the window {key:?} {why}")));
        if key.is_empty() || key.len() > MAX_KEY {
            return refuse(format!("has a key of {} bytes; 1 to {MAX_KEY} are allowed", key.len()));
        }
        if *limit == 0 {
            return refuse("has a limit of 0; at least 1 is needed".to_owned());
        }
        if length.is_zero() || length.subsec_nanos() % 1_000_000 != 0 {
            return refuse(format!("has a length of {length:?}; whole milliseconds are needed"));
        }
        if windows.iter().take(place).any(|earlier| earlier.key == *key) {
            return refuse("is named twice in one hit".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(limit: u32, millis: u64) -> Window {
        Window { key: "k".to_owned(), limit, length: Duration::from_millis(millis) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_changed_quota_applies_to_the_hits_already_there() {
        let mut log = SlidingLog::default();
        for millis in [0, 10, 20, 30] {
            assert!(log.hit(&window(4, 100), at(millis)).admitted);
        }
        let lowered = log.peek(&window(2, 100), at(40));
        assert_eq!(lowered, Count { used: 4, free_in: Duration::from_millis(80), admitted: false });
        assert!(!log.hit(&window(2, 100), at(119)).admitted);
        assert!(log.hit(&window(2, 100), at(120)).admitted);
    }

    #[test]
    fn stored_hits_come_back_in_order() {
        let log: SlidingLog = serde_json::from_str("[30,10,20]").unwrap();
        assert_eq!(serde_json::to_string(&log).unwrap(), "[10,20,30]");
        assert_eq!(log.ends(Duration::from_millis(5)), Some(at(35)));
    }

    #[test]
    fn the_ends_of_time_break_nothing() {
        let mut log = SlidingLog::default();
        let window = window(1, u64::MAX);
        assert!(log.hit(&window, at(i64::MAX)).admitted);
        assert!(!log.hit(&window, at(i64::MIN)).admitted);
        assert_eq!(log.ends(window.length), Some(at(i64::MAX)));
    }

    #[test]
    fn a_hit_that_breaks_the_rules_of_the_port_is_refused() {
        let good = window(1, 1);
        assert!(check(std::slice::from_ref(&good)).is_ok());
        let bad = [
            Window { key: String::new(), ..good.clone() },
            Window { key: "k".repeat(MAX_KEY + 1), ..good.clone() },
            Window { limit: 0, ..good.clone() },
            Window { length: Duration::ZERO, ..good.clone() },
            Window { length: Duration::from_micros(1500), ..good.clone() },
        ];
        for window in bad {
            assert!(matches!(check(&[window]), Err(StoreError::Refused(_))));
        }
        assert!(matches!(check(&[good.clone(), good]), Err(StoreError::Refused(_))));
    }

    proptest! {
        /// Compares with the definition, by brute force. `moments` are the hits so far, in order of time.
        #[test]
        fn the_log_is_exact(
            limit in 1_u32..6,
            length in 1_u64..50,
            steps in proptest::collection::vec(-60_i64..30, 1..200),
        ) {
            let window = window(limit, length);
            let length = i64::try_from(length).unwrap();
            let mut log = SlidingLog::default();
            let mut moments: Vec<i64> = Vec::new();
            let mut now = 1_000;
            for step in steps {
                now += step;
                let moment = moments.last().map_or(now, |last| now.max(*last));
                let held = moments.iter().filter(|m| **m > moment - length).count();
                let full = held >= usize::try_from(limit).unwrap();

                let before = log.clone();
                let count = log.hit(&window, at(now));
                prop_assert_eq!(count.admitted, !full);
                if full {
                    prop_assert_eq!(&log, &before, "a refused hit changes nothing");
                } else {
                    moments.push(moment);
                }
                prop_assert_eq!(usize::try_from(count.used).unwrap(), held + usize::from(!full));
                prop_assert!(log.hits.len() <= usize::try_from(limit).unwrap());

                prop_assert_eq!(count.free_in.is_zero(), count.used < limit);
                let free = at(now) + count.free_in;
                prop_assert!(log.peek(&window, free).admitted);
                if !count.free_in.is_zero() {
                    prop_assert!(!log.peek(&window, free - Duration::from_millis(1)).admitted);
                }
            }
            for start in &moments {
                let held = moments.iter().filter(|m| (*start..*start + length).contains(*m)).count();
                prop_assert!(held <= usize::try_from(limit).unwrap());
            }
        }
    }
}

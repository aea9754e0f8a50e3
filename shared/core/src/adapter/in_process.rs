//! [`Counters`] and [`Cache`] within one process: for the local server, for tests, and as a fallback if a store fails. Bounded
//! in memory. They have no clock of their own, but the time of the counters never runs back.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::{Weighter, sync};

use super::window;
use crate::Timestamp;
use crate::adapter::SlidingLog;
use crate::port::{Cache, Count, Counters, StoreError, Window};

/// Counters in this process only.
///
/// Holds at most `max_keys` windows. If there is one more, the window that ends first is removed, because its loss admits the
/// fewest extra hits. A key takes about 300 bytes, plus 8 for each hit up to its limit.
pub struct InProcessCounters {
    max_keys: usize,
    logs: Mutex<Logs>,
}

impl InProcessCounters {
    /// Number of keys that [`default`](Self::default) holds: tens of megabytes if all are used.
    pub const DEFAULT_MAX_KEYS: usize = 65_536;

    /// Returns counters with room for `max_keys` windows.
    pub fn new(max_keys: usize) -> Self {
        Self { max_keys, logs: Mutex::default() }
    }

    /// Counts like [`Counters::hit`] without its checks, for `windows` that follow the rules of the port.
    pub(crate) fn count(&self, windows: &[Window], now: Timestamp) -> Vec<Count> {
        // If a thread panicked while it held the lock, at worst one key is not purged. Counting goes on.
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let now = logs.time.at(now);
        // Twice as many as a hit adds, so that expired windows never accumulate.
        logs.purge(2 * windows.len(), now);
        let room: Vec<Count> = windows.iter().map(|window| logs.peek(window, now)).collect();
        if room.iter().all(|count| count.admitted) {
            windows.iter().map(|window| logs.hit(window, now, self.max_keys)).collect()
        } else {
            room
        }
    }
}

impl Default for InProcessCounters {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_KEYS)
    }
}

impl fmt::Debug for InProcessCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessCounters").field("max_keys", &self.max_keys).finish_non_exhaustive()
    }
}

#[async_trait]
impl Counters for InProcessCounters {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        window::check(windows)?;
        Ok(self.count(windows, now))
    }
}

/// Time for which an expired window is still stored. Requests on several threads have times slightly out of order, and a
/// corrected clock jumps back by seconds. In both cases the window must still count.
const SLACK: Duration = Duration::from_mins(1);

/// Maximum difference between the times of requests on several threads. A larger one means that the clock was set back.
const OUT_OF_ORDER: Duration = Duration::from_secs(5);

/// Time that continues when the clock is set back. Otherwise a full window would stay full until the clock has caught up.
#[derive(Default)]
struct GrowingTime {
    latest: Timestamp,
    /// Total time by which the clock was set back.
    behind: Duration,
}

impl GrowingTime {
    fn at(&mut self, now: Timestamp) -> Timestamp {
        let moment = now + self.behind;
        let back = self.latest.since(moment);
        if back > OUT_OF_ORDER {
            self.behind = self.behind.saturating_add(back);
            return self.latest;
        }
        self.latest = self.latest.max(moment);
        moment
    }
}

#[derive(Default)]
struct Logs {
    time: GrowingTime,
    by_key: HashMap<Arc<str>, Log>,
    /// The same keys in the order in which their windows end.
    by_end: BTreeSet<(Timestamp, Arc<str>)>,
}

struct Log {
    hits: SlidingLog,
    ends: Timestamp,
}

impl Logs {
    fn peek(&self, window: &Window, now: Timestamp) -> Count {
        match self.by_key.get(window.key.as_str()) {
            Some(log) => log.hits.peek(window, now),
            None => SlidingLog::default().peek(window, now),
        }
    }

    fn hit(&mut self, window: &Window, now: Timestamp, max_keys: usize) -> Count {
        let (key, mut hits) = if let Some((key, log)) = self.by_key.remove_entry(window.key.as_str()) {
            self.by_end.remove(&(log.ends, Arc::clone(&key)));
            (key, log.hits)
        } else {
            if self.by_key.len() >= max_keys {
                self.forget_first();
            }
            (Arc::from(window.key.as_str()), SlidingLog::default())
        };
        let count = hits.hit(window, now);
        let ends = hits.ends(window.length).unwrap_or(now);
        self.by_end.insert((ends, Arc::clone(&key)));
        self.by_key.insert(key, Log { hits, ends });
        count
    }

    /// Removes up to `most` windows that expired long enough before `now`.
    fn purge(&mut self, most: usize, now: Timestamp) {
        for _ in 0..most {
            if self.by_end.first().is_none_or(|(ends, _)| *ends + SLACK > now) {
                break;
            }
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.by_key.remove(&key);
        }
    }
}

/// Cache in this process only, of at most `max_bytes`. The least recently used entries are removed first.
pub struct InProcessCache {
    entries: sync::Cache<Box<str>, Entry, Bytes>,
}

#[derive(Clone)]
struct Entry {
    value: Arc<str>,
    expires_at: Timestamp,
}

impl InProcessCache {
    /// Size of [`default`](Self::default): 4 MiB.
    pub const DEFAULT_MAX_BYTES: u64 = 4 << 20;
    /// Approximate size of an entry in addition to its key and value. It makes `max_bytes` also bound the number of entries.
    pub const ENTRY_BYTES: u64 = 128;

    /// Returns a cache with room for `max_bytes` of keys, values and [`ENTRY_BYTES`](Self::ENTRY_BYTES) each. It may not store
    /// an entry of more than a quarter of that.
    pub fn new(max_bytes: u64) -> Self {
        // A small expected number of items gives few shards. The capacity is split evenly, so a shard must hold the largest
        // entry.
        Self { entries: sync::Cache::with_weighter(128, max_bytes, Bytes) }
    }
}

impl Default for InProcessCache {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_BYTES)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<str>, Entry> for Bytes {
    fn weight(&self, key: &Box<str>, entry: &Entry) -> u64 {
        let bytes = u64::try_from(key.len().saturating_add(entry.value.len())).unwrap_or(u64::MAX);
        bytes.saturating_add(InProcessCache::ENTRY_BYTES)
    }
}

#[async_trait]
impl Cache for InProcessCache {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let live = self.entries.get(key).filter(|entry| now < entry.expires_at);
        Ok(live.map(|entry| entry.value.to_string()))
    }

    async fn put(
        &self,
        key: &str,
        value: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let entry = Entry { value: Arc::from(value), expires_at: now + lifetime };
        self.entries.insert(Box::from(key), entry);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.entries.remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn window(key: &str, limit: u32, length: Duration) -> Window {
        Window { key: key.to_owned(), limit, length }
    }

    fn hit(counters: &InProcessCounters, key: &str, length: Duration, now: i64) -> bool {
        counters.count(&[window(key, 1, length)], at(now)).iter().all(|count| count.admitted)
    }

    fn held(counters: &InProcessCounters) -> usize {
        let logs = counters.logs.lock().unwrap();
        assert_eq!(logs.by_key.len(), logs.by_end.len());
        logs.by_key.len()
    }

    #[test]
    fn when_full_the_window_that_ends_first_is_removed() {
        let counters = InProcessCounters::new(3);
        assert!(hit(&counters, "long", 60 * MINUTE, 0));
        assert!(hit(&counters, "first", MINUTE, 1));
        assert!(hit(&counters, "second", MINUTE, 2));
        assert!(hit(&counters, "new", MINUTE, 3));
        assert_eq!(held(&counters), 3);
        assert!(!hit(&counters, "long", 60 * MINUTE, 4));
        assert!(!hit(&counters, "second", MINUTE, 4));
        assert!(!hit(&counters, "new", MINUTE, 4));
        assert!(hit(&counters, "first", MINUTE, 4), "it was forgotten");
    }

    #[test]
    fn a_hit_moves_the_end_of_its_window() {
        let counters = InProcessCounters::new(2);
        assert!(counters.count(&[window("a", 2, MINUTE)], at(0)).iter().all(|count| count.admitted));
        assert!(hit(&counters, "b", MINUTE, 1));
        assert!(counters.count(&[window("a", 2, MINUTE)], at(2)).iter().all(|count| count.admitted));
        assert!(hit(&counters, "c", MINUTE, 3));
        assert_eq!(counters.count(&[window("a", 2, MINUTE)], at(4)).first().unwrap().used, 2);
    }

    #[test]
    fn expired_windows_are_purged_by_later_hits() {
        let counters = InProcessCounters::new(10_000);
        for n in 0..1000 {
            assert!(hit(&counters, &format!("old {n}"), MINUTE, 0));
        }
        for n in 0..1000 {
            assert!(hit(&counters, &format!("new {n}"), MINUTE, 120));
        }
        assert_eq!(held(&counters), 1000);
    }

    #[test]
    fn a_refused_hit_holds_no_key() {
        let counters = InProcessCounters::new(10);
        assert!(hit(&counters, "full", MINUTE, 0));
        for n in 0..10 {
            let windows = [window("full", 1, MINUTE), window(&format!("other {n}"), 1, MINUTE)];
            assert!(!counters.count(&windows, at(1)).iter().all(|count| count.admitted));
        }
        assert_eq!(held(&counters), 1);
    }

    #[test]
    fn a_time_slightly_out_of_order_finds_nothing_forgotten() {
        let counters = InProcessCounters::default();
        assert!(hit(&counters, "a", MINUTE, 0));
        assert!(hit(&counters, "b", MINUTE, 61));
        assert!(!hit(&counters, "a", MINUTE, 59));
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_window() {
        let counters = InProcessCounters::default();
        let hour = 3600;
        assert!(hit(&counters, "a", MINUTE, hour));
        let wait = |now: i64| counters.count(&[window("a", 1, MINUTE)], at(now)).first().unwrap().free_in;
        assert_eq!(wait(0), MINUTE, "set back by an hour, and no longer than the window");
        assert_eq!(wait(59), Duration::from_secs(1));
        assert!(hit(&counters, "a", MINUTE, 60));
        // Set back again, and then corrected: time goes on.
        assert_eq!(wait(30), MINUTE);
        assert!(hit(&counters, "a", MINUTE, 90));
        assert!(hit(&counters, "a", MINUTE, hour));
    }

    #[test]
    fn a_panic_while_counting_stops_no_later_hit() {
        let counters = InProcessCounters::default();
        assert!(hit(&counters, "a", MINUTE, 0));
        let poisoned = std::thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _held = counters.logs.lock().unwrap();
                panic!("the panic of this test");
            });
            panicking.join().is_err() && counters.logs.is_poisoned()
        });
        assert!(poisoned);
        assert!(!hit(&counters, "a", MINUTE, 1));
    }

    #[tokio::test]
    async fn the_cache_stays_within_its_bytes() {
        let cache = InProcessCache::new(100_000);
        for n in 0..10_000 {
            cache.put(&format!("key {n}"), &"v".repeat(100), MINUTE, at(0)).await.unwrap();
        }
        assert!(cache.entries.weight() <= 100_000 && cache.entries.len() > 100);
        cache.put("key 9999", &"v".repeat(200_000), MINUTE, at(0)).await.unwrap();
        assert_eq!(
            cache.get("key 9999", at(0)).await.unwrap(),
            None,
            "too large to keep, and the old value is gone"
        );
    }
}

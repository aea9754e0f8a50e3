use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Sliding window: at most `limit` hits in any stretch of `length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Key of the counter, already hashed where it names a person or an address.
    pub key: String,
    /// Maximum number of hits in any stretch of `length`; at least 1.
    pub limit: u32,
    /// Length of the window, in whole milliseconds.
    pub length: Duration,
}

/// State of a window after a [`Counters::hit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Number of hits in the window, this one included if it was counted.
    pub used: u32,
    /// Time until one more hit fits; zero while `used < limit`.
    pub free_in: Duration,
    /// True if this window had room for the hit.
    pub admitted: bool,
}

/// Sliding windows, several of which are counted in one round trip.
///
/// A hit is all or nothing: it is counted in every window if all have room, and in none otherwise. A caller refused by one
/// limit therefore does not use up another, and a refused hit does not prolong the refusal.
///
/// Windows are exact: no stretch of `length`, wherever it starts, ever holds more than `limit` counted hits, however many
/// callers hit at once. The store frees a key by itself when its window is empty.
///
/// A hit on no windows counts and writes nothing; it checks that the store responds. Keys have 1 to 256 bytes and differ within
/// one hit. Every adapter enforces this with [`check`](crate::adapter::window::check).
///
/// # Example
///
/// Counters in a map, one hit at a time, built on the log that all adapters share:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex, PoisonError};
///
/// use async_trait::async_trait;
/// use latchkey_core::Timestamp;
/// use latchkey_core::adapter::{SlidingLog, window};
/// use latchkey_core::port::{Count, Counters, StoreError, Window};
///
/// #[derive(Default)]
/// struct MapCounters(Mutex<HashMap<String, SlidingLog>>);
///
/// #[async_trait]
/// impl Counters for MapCounters {
///     async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
///         window::check(windows)?;
///         let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let mut log = |window: &Window| logs.entry(window.key.clone()).or_default().clone();
///         let room: Vec<_> = windows.iter().map(|window| log(window).peek(window, now)).collect();
///         if room.iter().any(|count| !count.admitted) {
///             return Ok(room);
///         }
///         let mut hit = |window: &Window| logs.entry(window.key.clone()).or_default().hit(window, now);
///         Ok(windows.iter().map(&mut hit).collect())
///     }
/// }
///
/// # use latchkey_testkit::conformance::counters;
/// let counters: Arc<dyn Counters> = Arc::new(MapCounters::default());
/// pollster::block_on(counters::several_windows_are_all_or_nothing(&counters));
/// ```
#[async_trait]
pub trait Counters: Send + Sync {
    /// Counts one hit at `now` and returns one [`Count`] per window, in the order of `windows`. The hit was counted if all are
    /// `admitted`. If `now` is before an earlier hit (the clock jumped back), the hit counts at the time of that earlier hit.
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError>;
}

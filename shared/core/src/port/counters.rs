use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// One sliding window: at most `limit` hits in any stretch of `length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What is counted; already hashed where it names a person or an address.
    pub key: String,
    /// How many hits any stretch of `length` may hold; at least 1.
    pub limit: u32,
    /// The length of the window, in whole milliseconds.
    pub length: Duration,
}

/// What a window holds after a [`Counters::hit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Hits in the window, this one included when it was counted.
    pub used: u32,
    /// How long until one more hit fits: zero while `used < limit`.
    pub free_in: Duration,
    /// Whether this window had room for the hit.
    pub admitted: bool,
}

/// Several sliding windows counted in one round trip.
///
/// A hit is all or nothing: it is counted in every window when all have room, and in none otherwise, so that a caller
/// refused by one limit does not use up another. A refused hit does not prolong the refusal. Windows are exact: no
/// stretch of `length`, wherever it starts, ever holds more than `limit` counted hits, however many callers hit at once.
/// A key's storage ends by itself when its window is empty. A hit on no windows counts and writes nothing: it asks
/// whether the store answers. Keys have 1 to 256 bytes and differ within one hit;
/// [`check`](crate::adapter::window::check) is what every adapter refuses by.
///
/// # Example
///
/// Counters in a map, one hit at a time, over the log that every adapter shares:
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
    /// Counts one hit at `now`. The response has one [`Count`] per window, in their order; the hit was counted when all are
    /// `admitted`. A `now` before an earlier hit (a clock that jumped back) counts as that earlier moment.
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError>;
}

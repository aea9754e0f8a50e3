use crate::Timestamp;

/// Source of the current time.
///
/// # Example
///
/// The clock of a machine with an operating system:
///
/// ```
/// use std::time::SystemTime;
///
/// use latchkey_core::Timestamp;
/// use latchkey_core::port::Clock;
///
/// struct SystemClock;
///
/// impl Clock for SystemClock {
///     fn now(&self) -> Timestamp {
///         let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
///         Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
///     }
/// }
///
/// latchkey_testkit::conformance::clock::it_is_after_2025(&SystemClock);
/// ```
pub trait Clock: Send + Sync {
    /// Returns the current time in UTC. It may jump back when the machine's clock is corrected, so callers must not rely on it
    /// only growing.
    fn now(&self) -> Timestamp;
}

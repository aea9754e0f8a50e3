use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::Clock;

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// When a new clock starts: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);

    /// A clock that shows [`START`](Self::START).
    pub fn new() -> Self {
        Self(AtomicI64::new(Self::START.as_millis()))
    }

    /// Moves forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Moves back, as a corrected machine clock does.
    pub fn turn_back(&self, by: Duration) {
        self.set(self.now() - by);
    }

    /// Moves to `now`.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_only_when_told() {
        let clock = TestClock::new();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000Z");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().since(TestClock::START), Duration::from_millis(1500));
        clock.turn_back(Duration::from_secs(2));
        assert_eq!(TestClock::START.since(clock.now()), Duration::from_millis(500));
        clock.set(TestClock::START);
        assert_eq!(clock.now(), TestClock::START);
    }
}

use std::time::{SystemTime, UNIX_EPOCH};

use latchkey_core::Timestamp;
use latchkey_core::port::Clock;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the port that others take the time from")]
        let now = SystemTime::now();
        // Before 1970 there is nothing to tell apart: such a clock is wrong, and everything has yet to begin.
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since_epoch
    }
}

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
        // A clock before 1970 is wrong, and such a time counts as 1970.
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since_epoch
    }
}

use latchkey_core::Timestamp;
use latchkey_core::port::Clock;
use worker::js_sys::Date;

/// The Worker's clock. On Cloudflare it stands still between two I/O operations, so that no code can time
/// another. It tells when the last response of a store, or the request itself, arrived.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerClock;

impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole milliseconds, far within an i64 until the year 287396"
        )]
        Timestamp::from_millis(Date::now() as i64)
    }
}

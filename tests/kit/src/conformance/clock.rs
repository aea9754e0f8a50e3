//! What every [`Clock`] that shows the real time must do.

use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::Clock;

/// Makes a `#[test]` of each rule. Takes an expression that gives an `Arc<dyn Clock>`; the crate that calls it needs
/// `latchkey-core`.
#[macro_export]
macro_rules! clock_conformance {
    ($new:expr) => {
        $crate::clock_conformance!(
            @rules $new;
            it_is_after_2025
            it_does_not_run_backwards
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                let clock: std::sync::Arc<dyn ::latchkey_core::port::Clock> = $new;
                $crate::conformance::clock::$rule(&*clock);
            }
        )*
    };
}

/// The time is counted from the right moment and in the right unit.
pub fn it_is_after_2025(clock: &dyn Clock) {
    let (start, end) = (Timestamp::from_secs(1_767_225_600), Timestamp::from_secs(7_258_118_400));
    let now = clock.now();
    assert!(now >= start && now < end, "{now} is not between {start} and {end}");
}

/// It may be corrected by a little at any moment, but no more than that.
pub fn it_does_not_run_backwards(clock: &dyn Clock) {
    let mut last = clock.now();
    for _ in 0..1000 {
        let now = clock.now();
        assert!(last.since(now) < Duration::from_mins(1), "{now} came after {last}");
        last = last.max(now);
    }
}

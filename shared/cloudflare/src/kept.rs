//! How an entry rests in a store whose lifetimes have a floor: with its end in front of it.

use std::time::Duration;

use latchkey_core::Timestamp;

/// The shortest lifetime that KV takes, in seconds.
const FLOOR: u64 = 60;
/// The longest that is asked for, in seconds: a year. What is cached is made again when it is gone.
const CEILING: u64 = 366 * 24 * 60 * 60;

/// What is stored for `value`: it ends at `until`, whatever the store thinks.
pub(crate) fn seal(value: &str, until: Timestamp) -> String {
    format!("{}:{value}", until.as_millis())
}

/// The value of what [`seal`] made, unless its time is over.
pub(crate) fn open(stored: &str, now: Timestamp) -> Option<&str> {
    let (until, value) = stored.split_once(':')?;
    let until = Timestamp::from_millis(until.parse().ok()?);
    (now < until).then_some(value)
}

/// How long the store is told to keep it, in seconds.
pub(crate) fn seconds(lifetime: Duration) -> u64 {
    let begun = u64::from(lifetime.subsec_nanos() > 0);
    lifetime.as_secs().saturating_add(begun).clamp(FLOOR, CEILING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_value_ends_at_its_end_to_the_millisecond() {
        for value in ["", "a:b", "é\0", "1:2:3"] {
            let stored = seal(value, at(5));
            assert_eq!(open(&stored, at(4)), Some(value));
            assert_eq!(open(&stored, at(5)), None);
        }
    }

    #[test]
    fn what_was_not_sealed_is_no_value() {
        for stored in ["", "value", ":value", "x:value", "9999999999999999999999:value"] {
            assert_eq!(open(stored, at(0)), None, "{stored}");
        }
    }

    #[test]
    fn the_store_keeps_it_at_least_as_long_and_within_its_floor() {
        assert_eq!(seconds(Duration::ZERO), 60);
        assert_eq!(seconds(Duration::from_millis(60_001)), 61);
        assert_eq!(seconds(Duration::MAX), CEILING);
    }
}

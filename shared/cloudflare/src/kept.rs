//! How long KV keeps an entry: its lifetimes have a floor.

use std::time::Duration;

/// The shortest lifetime that KV takes, in seconds.
const FLOOR: u64 = 60;
/// The longest that is asked for, in seconds: a year. What is cached is made again when it is gone.
const CEILING: u64 = 366 * 24 * 60 * 60;

/// How long the store is told to keep an entry, in seconds.
pub(crate) fn seconds(lifetime: Duration) -> u64 {
    let begun = u64::from(lifetime.subsec_nanos() > 0);
    lifetime.as_secs().saturating_add(begun).clamp(FLOOR, CEILING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_keeps_it_at_least_as_long_and_within_its_floor() {
        assert_eq!(seconds(Duration::ZERO), 60);
        assert_eq!(seconds(Duration::from_millis(60_001)), 61);
        assert_eq!(seconds(Duration::MAX), CEILING);
    }
}

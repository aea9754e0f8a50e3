//! Storage time of an entry in KV, which has a minimum.

use std::time::Duration;

/// Minimum lifetime that KV accepts, in seconds.
const FLOOR: u64 = 60;
/// Maximum lifetime that is used, in seconds: a year. A lost entry is created again.
const CEILING: u64 = 366 * 24 * 60 * 60;

/// Returns the time for which KV stores an entry, in seconds.
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

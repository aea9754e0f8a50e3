use std::time::Duration;

/// Maximum time that a caller waits for a turn to hash. A hash that would wait longer is refused at once.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// Speed of hashing on this machine: a moving average of the measured times per block of work
/// ([`Derivation::work`](super::Derivation::work)).
#[derive(Debug, Clone)]
pub struct Pace {
    nanos_per_block: u64,
    measured: bool,
}

impl Pace {
    /// Returns the pace assumed before any measurement: 39 ms for a hash with the default Argon2 parameters, which is slow.
    pub const fn assumed() -> Self {
        Self { nanos_per_block: 1000, measured: false }
    }

    /// Records the measured time of a hash of `work` blocks.
    pub fn note(&mut self, work: usize, took: Duration) {
        let Some(work) = u64::try_from(work).ok().filter(|work| *work > 0) else { return };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / work;
        self.nanos_per_block = if self.measured {
            // Recent measurements weigh most.
            self.nanos_per_block.saturating_mul(3).saturating_add(nanos) / 4
        } else {
            nanos
        };
        self.measured = true;
    }

    /// Returns the expected time of `work` blocks on one thread.
    pub fn of(&self, work: usize) -> Duration {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        Duration::from_nanos(work.saturating_mul(self.nanos_per_block))
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::assumed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measure_replaces_the_assumption_and_later_ones_move_it() {
        let mut pace = Pace::assumed();
        assert_eq!(pace.of(38_912), Duration::from_micros(38_912));
        pace.note(1000, Duration::from_micros(300));
        assert_eq!(pace.of(1_000_000), Duration::from_millis(300));
        pace.note(1000, Duration::from_micros(700));
        assert_eq!(pace.of(1_000_000), Duration::from_millis(400));
        for _ in 0..100 {
            pace.note(2000, Duration::from_millis(2));
        }
        assert!(pace.of(1_000_000).abs_diff(Duration::from_secs(1)) < Duration::from_millis(10));
    }

    #[test]
    fn no_measure_breaks_it() {
        let mut pace = Pace::assumed();
        pace.note(0, Duration::from_secs(1));
        pace.note(1, Duration::MAX);
        pace.note(usize::MAX, Duration::ZERO);
        assert!(pace.of(usize::MAX) > MAX_WAIT);
    }
}

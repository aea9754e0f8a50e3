use std::collections::VecDeque;
use std::time::Duration;

use latchkey_core::Timestamp;

/// Who waits for a turn, up to a bound.
///
/// A place is given back by its end, or by time: the runtime drops a request whose client has gone without a word, and
/// places that only their holders could give back would run out.
#[derive(Debug)]
pub(crate) struct Admission {
    places: usize,
    patience: Duration,
    taken: VecDeque<(u64, Timestamp)>,
    next: u64,
}

/// A place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Admission {
    /// `places` of them, each for at most `patience`.
    pub(crate) const fn new(places: usize, patience: Duration) -> Self {
        Self { places, patience, taken: VecDeque::new(), next: 0 }
    }

    /// A place, unless all are taken.
    pub(crate) fn enter(&mut self, now: Timestamp) -> Option<Ticket> {
        let patience = self.patience;
        // One from the future was taken before the clock jumped back: nobody knows how long ago.
        self.taken.retain(|(_, since)| *since <= now && now.since(*since) < patience);
        if self.taken.len() >= self.places {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        self.taken.push_back((self.next, now));
        Some(Ticket(self.next))
    }

    /// Gives a place back.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good once")]
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.taken.retain(|(number, _)| *number != ticket.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_bound_holds_and_a_place_given_back_is_free() {
        let mut admission = Admission::new(2, Duration::from_secs(10));
        let first = admission.enter(at(0)).unwrap();
        assert!(admission.enter(at(0)).is_some() && admission.enter(at(0)).is_none());
        admission.leave(first);
        assert!(admission.enter(at(0)).is_some() && admission.enter(at(0)).is_none());
    }

    #[test]
    fn a_place_that_nobody_gives_back_is_free_in_time() {
        let mut admission = Admission::new(1, Duration::from_secs(10));
        assert!(admission.enter(at(0)).is_some());
        assert!(admission.enter(at(9)).is_none());
        assert!(admission.enter(at(10)).is_some());
        assert!(admission.enter(at(5)).is_some(), "the clock jumped back");
    }

    #[test]
    fn a_late_return_takes_nobody_elses_place() {
        let mut admission = Admission::new(1, Duration::from_secs(10));
        let late = admission.enter(at(0)).unwrap();
        let current = admission.enter(at(10)).unwrap();
        admission.leave(late);
        assert!(admission.enter(at(11)).is_none());
        admission.leave(current);
        assert!(admission.enter(at(11)).is_some());
    }
}

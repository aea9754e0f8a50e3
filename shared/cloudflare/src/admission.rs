use std::collections::VecDeque;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::{MAX_WAIT, Pace};

/// Requests that wait for a turn to hash, as long as each is served within [`MAX_WAIT`].
///
/// A place is freed when its request ends, or after a time: the runtime silently drops a request whose client
/// has gone, so places that only their holders could free would run out.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Maximum number of waiting requests, which bounds the memory.
    places: usize,
    patience: Duration,
    taken: VecDeque<Place>,
    next: u64,
    pace: Pace,
    /// Number of blocks that were hashed since the clock last moved, and the time of the clock then.
    hashed: Option<(Timestamp, usize)>,
}

#[derive(Debug)]
struct Place {
    number: u64,
    since: Timestamp,
    work: usize,
}

/// Place of a waiting request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    number: u64,
    work: usize,
    /// Time until the turn, as far as known.
    pub(crate) wait: Duration,
}

impl Admission {
    /// Creates a queue of at most `places` requests, each for at most `patience`.
    pub(crate) const fn new(places: usize, patience: Duration) -> Self {
        Self { places, patience, taken: VecDeque::new(), next: 0, pace: Pace::assumed(), hashed: None }
    }

    /// Returns a place for `work` blocks, unless its turn would come too late.
    pub(crate) fn enter(&mut self, work: usize, now: Timestamp) -> Option<Ticket> {
        self.measure(now);
        let patience = self.patience;
        // A place from the future was taken before the clock jumped back, so its age is unknown.
        self.taken.retain(|place| place.since <= now && now.since(place.since) < patience);
        let wait =
            self.pace.of(self.taken.iter().fold(0, |sum: usize, place| sum.saturating_add(place.work)));
        if self.taken.len() >= self.places || wait > MAX_WAIT {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        self.taken.push_back(Place { number: self.next, since: now, work });
        Some(Ticket { number: self.next, work, wait })
    }

    /// Frees a place after its hash, which began at `now`: a Worker's clock stands still during a
    /// computation.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good once")]
    pub(crate) fn leave(&mut self, ticket: Ticket, now: Timestamp) {
        self.taken.retain(|place| place.number != ticket.number);
        self.measure(now);
        let (since, work) = self.hashed.unwrap_or((now, 0));
        self.hashed = Some((since, work.saturating_add(ticket.work)));
    }

    /// Measures the duration of the hashes before the clock moved.
    fn measure(&mut self, now: Timestamp) {
        // After a pause of the isolate, the clock has moved by more than the duration of the hashes.
        if let Some((since, work)) = self.hashed.take_if(|(since, _)| now != *since) {
            let took = now.since(since);
            if since < now && took < MAX_WAIT && !self.taken.is_empty() {
                self.pace.note(work, took);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: usize = 38_912;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn admission(places: usize) -> Admission {
        Admission::new(places, Duration::from_secs(30))
    }

    #[test]
    fn the_bound_holds_and_a_place_given_back_is_free() {
        let mut admission = admission(2);
        let first = admission.enter(HASH, at(0)).unwrap();
        assert!(admission.enter(HASH, at(0)).is_some() && admission.enter(HASH, at(0)).is_none());
        admission.leave(first, at(0));
        assert!(admission.enter(HASH, at(0)).is_some() && admission.enter(HASH, at(0)).is_none());
    }

    #[test]
    fn a_place_that_nobody_gives_back_is_free_in_time() {
        let mut admission = admission(1);
        assert!(admission.enter(HASH, at(0)).is_some());
        assert!(admission.enter(HASH, at(29_000)).is_none());
        assert!(admission.enter(HASH, at(30_000)).is_some());
        assert!(admission.enter(HASH, at(25_000)).is_some(), "the clock jumped back");
    }

    #[test]
    fn a_late_return_takes_nobody_elses_place() {
        let mut admission = admission(1);
        let late = admission.enter(HASH, at(0)).unwrap();
        let current = admission.enter(HASH, at(30_000)).unwrap();
        admission.leave(late, at(30_000));
        assert!(admission.enter(HASH, at(31_000)).is_none());
        admission.leave(current, at(31_000));
        assert!(admission.enter(HASH, at(31_000)).is_some());
    }

    #[test]
    fn two_hundred_at_once_wait_and_only_those_beyond_ten_seconds_are_refused() {
        let mut admission = admission(100_000);
        // Before the first measurement a hash counts as 39 ms.
        let admitted = (0..1000).take_while(|_| admission.enter(HASH, at(0)).is_some()).count();
        assert!((250..260).contains(&admitted), "{admitted}");
    }

    #[test]
    fn the_pace_is_measured_when_the_clock_moves_while_others_wait() {
        let mut admission = admission(100_000);
        let tickets: Vec<_> = (0..10).map(|_| admission.enter(HASH, at(0)).unwrap()).collect();
        let mut tickets = tickets.into_iter();
        // Two hashes in a row, 100 ms each. The clock moves after them.
        for turn in 0..4 {
            for ticket in tickets.by_ref().take(2) {
                admission.leave(ticket, at(turn * 200));
            }
        }
        // Two of ten still wait.
        let ticket = admission.enter(HASH, at(800)).unwrap();
        assert!(
            ticket.wait.abs_diff(Duration::from_millis(200)) < Duration::from_millis(2),
            "{:?}",
            ticket.wait
        );
        // With 100 ms each, a hundred fit into ten seconds.
        let admitted = (0..1000).take_while(|_| admission.enter(HASH, at(800)).is_some()).count();
        assert!((95..=100).contains(&admitted), "{admitted}");
    }

    #[test]
    fn a_pause_without_anybody_waiting_is_not_measured() {
        let mut admission = admission(100_000);
        let only = admission.enter(HASH, at(0)).unwrap();
        admission.leave(only, at(0));
        admission.enter(HASH, at(5000)).unwrap();
        assert!(admission.enter(HASH, at(5000)).unwrap().wait < Duration::from_millis(50));
    }
}

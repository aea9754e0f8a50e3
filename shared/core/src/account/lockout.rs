use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many wrong passwords in a row lock an account.
pub const MAX_FAILURES: u32 = 5;
/// How long it stays locked.
pub const LOCKED_FOR: Duration = Duration::from_mins(15);

/// Wrong passwords in a row, and the lock that they lead to. Stored with the credential, so every change to it is a
/// compare-and-set: guesses made at once cannot exceed the count together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    locked_until: Option<Timestamp>,
}

impl Lockout {
    /// How long the account stays locked, when it is.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        // A lock is never longer than LOCKED_FOR, even when the clock jumped back after it was set.
        let remaining = self.locked_until?.since(now).min(LOCKED_FOR);
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Whether anything stands against the account.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// What a wrong password leads to; nothing more while locked.
    #[must_use]
    pub fn fail(self, now: Timestamp) -> Self {
        if self.remaining(now).is_some() {
            return self;
        }
        // A lock that is over has had its effect: counting starts anew.
        let failures = if self.locked_until.is_some() { 1 } else { self.failures + 1 };
        Self { failures, locked_until: (failures >= MAX_FAILURES).then(|| now + LOCKED_FOR) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    #[test]
    fn the_fifth_wrong_password_locks_for_fifteen_minutes() {
        let mut lockout = Lockout::default();
        for _ in 0..4 {
            lockout = lockout.fail(START);
            assert_eq!(lockout.remaining(START), None);
        }
        lockout = lockout.fail(START);
        assert_eq!(lockout.remaining(START), Some(LOCKED_FOR));
        assert_eq!(lockout.remaining(START + LOCKED_FOR), None);
    }

    #[test]
    fn guessing_on_does_not_prolong_the_lock() {
        let locked = (0..5).fold(Lockout::default(), |lockout, _| lockout.fail(START));
        assert_eq!(locked.fail(START + Duration::from_mins(1)), locked);
    }

    #[test]
    fn after_a_lock_the_count_starts_anew() {
        let locked = (0..5).fold(Lockout::default(), |lockout, _| lockout.fail(START));
        let later = START + LOCKED_FOR;
        let after = (0..4).fold(locked, |lockout, _| lockout.fail(later));
        assert_eq!(after.remaining(later), None);
        assert!(after.fail(later).remaining(later).is_some());
    }

    proptest! {
        /// A plain reference: a list of the failures that counted.
        #[test]
        fn never_more_than_five_guesses_count_between_locks(steps in prop::collection::vec(0i64..1_200_000, 1..60)) {
            let mut lockout = Lockout::default();
            let (mut now, mut counted, mut locked_until) = (START, 0, None::<Timestamp>);
            for step in steps {
                now = now + Duration::from_millis(u64::try_from(step).unwrap());
                let locked = locked_until.is_some_and(|until| until > now);
                prop_assert_eq!(lockout.remaining(now).is_some(), locked);
                if !locked {
                    counted = if locked_until.take().is_some() { 1 } else { counted + 1 };
                    if counted == MAX_FAILURES {
                        locked_until = Some(now + LOCKED_FOR);
                    }
                }
                lockout = lockout.fail(now);
                prop_assert!(counted <= MAX_FAILURES);
            }
        }
    }
}

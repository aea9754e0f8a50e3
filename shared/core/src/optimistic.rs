//! Changes under optimistic concurrency: read, decide, commit on condition that what was read still holds, and try again where
//! another change came first.

use crate::port::StoreError;
use crate::port::table::CommitError;

/// How often a change is tried where nothing says otherwise.
pub const MAX_TRIES: usize = 8;

/// Outcome of one try. `S` is what the next try begins with.
#[derive(Debug)]
pub enum Commit<T, S = ()> {
    /// The change is committed, or there was nothing to change.
    Done(T),
    /// Another change came first.
    Conflict(S),
}

impl<T> Commit<T> {
    /// Returns the outcome of a commit after which the change has come to `value`.
    pub fn of(committed: Result<(), CommitError>, value: T) -> Result<Self, StoreError> {
        match committed {
            Ok(()) => Ok(Self::Done(value)),
            Err(CommitError::Conflict { .. }) => Ok(Self::Conflict(())),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// Tries until one try is done, at most `tries` times; then the error is `exhausted`.
pub async fn retry<T, E, F>(
    tries: usize,
    exhausted: impl FnOnce() -> E,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Commit<T>, E>>,
{
    for _ in 0..tries {
        if let Commit::Done(value) = attempt().await? {
            return Ok(value);
        }
    }
    Err(exhausted())
}

/// Tries like [`retry`], each time with what the try before it left.
pub async fn retry_from<T, S, E, F>(
    mut state: S,
    tries: usize,
    exhausted: impl FnOnce() -> E,
    mut attempt: impl FnMut(S) -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Commit<T, S>, E>>,
{
    for _ in 0..tries {
        match attempt(state).await? {
            Commit::Done(value) => return Ok(value),
            Commit::Conflict(next) => state = next,
        }
    }
    Err(exhausted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_tried_until_no_other_comes_first() {
        let run = |conflicts: usize| {
            let attempt = |n: usize| async move {
                Ok::<_, &str>(if n == conflicts { Commit::Done(n) } else { Commit::Conflict(n + 1) })
            };
            pollster::block_on(retry_from(0, 3, || "busy", attempt))
        };
        assert_eq!(run(0), Ok(0));
        assert_eq!(run(2), Ok(2));
        assert_eq!(run(3), Err("busy"));
    }

    #[test]
    fn a_failed_store_is_not_asked_again() {
        let mut tries = 0;
        let result = pollster::block_on(retry(
            MAX_TRIES,
            || StoreError::Unavailable("busy".to_owned()),
            || {
                tries += 1;
                async { Commit::of(Err(CommitError::Store(StoreError::Unavailable("down".to_owned()))), ()) }
            },
        ));
        assert!(matches!(result, Err(StoreError::Unavailable(why)) if why == "down"));
        assert_eq!(tries, 1);
    }
}

//! Changes under optimistic concurrency: read, decide, commit on condition that the items are unchanged since the read, and
//! retry if another change was faster.

use crate::port::StoreError;
use crate::port::table::CommitError;

/// Default maximum number of tries of a change.
pub const MAX_TRIES: usize = 8;

/// Result of one try. `S` is the state for the next try.
#[derive(Debug)]
pub enum Commit<T, S = ()> {
    /// The change is committed, or there was nothing to change.
    Done(T),
    /// Another change was faster.
    Conflict(S),
}

impl<T> Commit<T> {
    /// Returns the result of a commit whose change gives `value`.
    pub fn of(committed: Result<(), CommitError>, value: T) -> Result<Self, StoreError> {
        match committed {
            Ok(()) => Ok(Self::Done(value)),
            Err(CommitError::Conflict { .. }) => Ok(Self::Conflict(())),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// Retries until one try is done, at most `tries` times; then returns the error `exhausted`.
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

/// Retries like [`retry`], each time with the state that the try before it returned.
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
    fn a_change_is_retried_until_no_other_is_faster() {
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

use crate::Timestamp;

/// The current time.
pub trait Clock: Send + Sync {
    /// Now, UTC. May jump back when the machine's clock is corrected: callers must not rely on it only growing.
    fn now(&self) -> Timestamp;
}

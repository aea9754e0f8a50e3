use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

/// Connections for reads: at least one.
#[derive(Debug)]
pub(super) struct Readers {
    first: Arc<Mutex<Connection>>,
    others: Vec<Arc<Mutex<Connection>>>,
    next: AtomicUsize,
}

impl Readers {
    pub fn new(first: Arc<Mutex<Connection>>, others: Vec<Arc<Mutex<Connection>>>) -> Self {
        Self { first, others, next: AtomicUsize::new(0) }
    }

    /// Returns a free connection, or else waits for one in turn. The guard must not be held across an await.
    pub fn any(&self) -> MutexGuard<'_, Connection> {
        for connection in std::iter::once(&self.first).chain(&self.others) {
            match connection.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        self.others.get(turn).unwrap_or(&self.first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

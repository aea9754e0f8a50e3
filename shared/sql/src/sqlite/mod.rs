//! Driver for a local SQLite file, or for a database in memory.
//!
//! A commit is on the disk before it is acknowledged (write-ahead log, synced at every commit). Several
//! processes may use one file at the same time. Reads run on the caller's thread, because they take
//! microseconds, less than a handover to another thread. Commits go to one thread that syncs the disk once
//! for all waiting commits.

mod error;
mod execute;
mod open;
mod readers;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{StoreError, WriteFault};
use rusqlite::Connection;

pub use error::OpenError;

use crate::{Access, Driver, DriverError, Outcome, Statement, statement};
use readers::Readers;
use writer::Writer;

/// A SQLite database. Dropping it waits for running commits and closes it.
#[derive(Debug)]
pub struct Sqlite {
    // The order of the fields matters: the one dropped last closes the file, and only the writer may then
    // fold the log into it.
    readers: Readers,
    writer: Writer,
    name: Arc<str>,
    /// Time of the last write that was only a check, in milliseconds.
    tried: AtomicI64,
}

/// Time for which a successful write counts as proof that writes work, unless another write fails.
const TRY_EVERY: Duration = Duration::from_mins(1);

impl Sqlite {
    /// Opens the database at `path`, creates it if it does not exist, and updates its schema. The folder must
    /// exist. Blocks until it is done.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = open::file(path)?;
        let share = |connection| Arc::new(Mutex::new(connection));
        // One reader for each thread that can read in parallel. A few are enough on a large machine, because
        // each read takes microseconds.
        let more = std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(2, 4) - 1);
        let first = open::reader(path).map(share)?;
        let others = (0..more).map(|_| open::reader(path).map(share)).collect::<Result<_, _>>()?;
        Self::start(share(writer), Readers::new(first, others), &path.display().to_string())
    }

    /// Creates an empty database that lives as long as this value.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        // All share one connection, because a second one would have a database of its own.
        let only = Arc::new(Mutex::new(open::memory()?));
        Self::start(Arc::clone(&only), Readers::new(only, Vec::new()), open::MEMORY)
    }

    fn start(writer: Arc<Mutex<Connection>>, readers: Readers, name: &str) -> Result<Self, OpenError> {
        let name: Arc<str> = name.into();
        let writer = Writer::start(writer, Arc::clone(&name))?;
        Ok(Self { readers, writer, name, tried: AtomicI64::new(0) })
    }

    /// Checks the whole database for damage, and returns [`StoreError::Corrupt`] with the damage. Others can
    /// read and write in the meantime. Blocks, for seconds if the file has gigabytes.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        let verdict = self
            .readers
            .any()
            .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
            .map_err(|error| error::at_run_time(&self.name, &error))?;
        if verdict == "ok" {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            at: self.name.to_string(),
            why: format!("{verdict}; {}", error::MEND_DAMAGE),
        })
    }
}

#[async_trait]
impl Driver for Sqlite {
    async fn run(&self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError> {
        match access {
            Access::Read => execute::read(&self.readers.any(), &batch)
                .map_err(|error| error::at_run_time(&self.name, &error)),
            Access::Write => self.writer.commit(batch).await,
        }
    }

    /// Tries a write if the last check was a minute ago, or if the last write failed.
    async fn check_writes(&self, now: Timestamp) -> Result<(), WriteFault> {
        let tried = Timestamp::from_millis(self.tried.load(Ordering::Relaxed));
        let lately = tried <= now && now.since(tried) < TRY_EVERY;
        if lately && self.writer.fault().is_none() {
            return Ok(());
        }
        self.tried.store(now.as_millis(), Ordering::Relaxed);
        let result = self.writer.commit(vec![statement::probe_write(now)]).await;
        self.writer.fault().map_or_else(|| result.map(|_| ()).map_err(|_| WriteFault::Other), Err)
    }
}

//! The driver for a local SQLite file, or a database in memory.
//!
//! A commit is on the disk before it is acknowledged (write-ahead log, synced at every commit). Several processes may use
//! one file at once. Reads run in place, on the caller's thread: they take microseconds, less than handing them to another
//! thread would. Commits go to one thread that syncs the disk once for all that wait for it.

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

/// A SQLite database. Dropping it waits for the commits under way and closes it.
#[derive(Debug)]
pub struct Sqlite {
    // In this order: what is dropped last closes the file, and only the writer may then fold the log into it.
    readers: Readers,
    writer: Writer,
    name: Arc<str>,
    /// When a write was last tried for its own sake, in milliseconds.
    tried: AtomicI64,
}

/// How long a write that went well is taken for good, unless another one fails.
const TRY_EVERY: Duration = Duration::from_mins(1);

impl Sqlite {
    /// Opens the database at `path`, makes it when it is not there, and brings its schema up to date. The folder must
    /// exist. Blocks while it does so.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = open::file(path)?;
        let share = |connection| Arc::new(Mutex::new(connection));
        // As many as threads can read at once; a few are enough on a large machine, as each read takes microseconds.
        let more = std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(2, 4) - 1);
        let first = open::reader(path).map(share)?;
        let others = (0..more).map(|_| open::reader(path).map(share)).collect::<Result<_, _>>()?;
        Self::start(share(writer), Readers::new(first, others), &path.display().to_string())
    }

    /// A new, empty database that lives as long as this value.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        // One connection for all, as a second one would have a database of its own.
        let only = Arc::new(Mutex::new(open::memory()?));
        Self::start(Arc::clone(&only), Readers::new(only, Vec::new()), open::MEMORY)
    }

    fn start(writer: Arc<Mutex<Connection>>, readers: Readers, name: &str) -> Result<Self, OpenError> {
        let name: Arc<str> = name.into();
        let writer = Writer::start(writer, Arc::clone(&name))?;
        Ok(Self { readers, writer, name, tried: AtomicI64::new(0) })
    }

    /// Examines the whole database for damage: a [`StoreError::Corrupt`] says what is wrong. Others go on reading and
    /// writing meanwhile. Blocks, for seconds when the file has gigabytes.
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

    /// Tries a write now and then, and whenever the last one failed.
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

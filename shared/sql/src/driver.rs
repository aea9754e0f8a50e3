use std::fmt;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{StoreError, WriteFault};
use serde::Deserialize;

use crate::Statement;

/// Access that a batch needs, for drivers that send reads and writes to different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The batch only selects.
    Read,
    /// The batch may change something.
    Write,
}

/// A row of the items table. Selects name its columns in this order, so a driver may read them by position or
/// by name.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// First part of the key.
    pub partition: String,
    /// Second part of the key.
    pub sort: String,
    /// JSON text.
    pub body: String,
    /// Version; never negative.
    pub version: i64,
    /// Expiry of the item, in milliseconds since the Unix epoch.
    pub expires_at: Option<i64>,
    /// Sort value of the item in its index list.
    pub index_sort: Option<String>,
}

impl fmt::Debug for Row {
    // Keys and bodies contain personal data and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Result of one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Selected rows.
    pub rows: Vec<Row>,
    /// Number of inserted, updated or deleted rows.
    pub changed: u64,
}

/// Reason that a batch was not run. Nothing of it was applied, except possibly after
/// [`Unavailable`](Self::Unavailable).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// A CHECK constraint failed. See [`failed_check`].
    #[error("the constraint {0} failed")]
    Check(String),
    /// The database could not be reached or had no room. It is unknown whether the batch was applied.
    #[error("{0}")]
    Unavailable(String),
    /// The database holds data that cannot be read.
    #[error("{at}: {why}")]
    Corrupt {
        /// Name of the database.
        at: String,
        /// Problem, without any content of the database.
        why: String,
    },
}

impl From<DriverError> for StoreError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Unavailable(why) => Self::Unavailable(why),
            DriverError::Corrupt { at, why } => Self::Corrupt { at, why },
            // The guards are the only constraints that a well-formed call can violate, and a commit handles
            // those itself.
            DriverError::Check(name) => {
                Self::Corrupt { at: "the schema".to_owned(), why: format!("the constraint {name} failed") }
            }
        }
    }
}

/// A database that runs statements in SQLite's dialect.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Runs `batch` in order as one transaction, in one round trip. All of it is applied or nothing. No other
    /// batch runs in between, and it sees all writes of every batch acknowledged before. The response has one
    /// [`Outcome`] per statement.
    async fn run(&self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError>;

    /// See [`Table::check_writes`](latchkey_core::port::Table::check_writes).
    async fn check_writes(&self, _now: Timestamp) -> Result<(), WriteFault> {
        Ok(())
    }
}

/// Returns the name of the constraint in SQLite's message about a failed CHECK. A driver may have wrapped the
/// message.
pub fn failed_check(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("CHECK constraint failed: ")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constraint_is_found_in_plain_and_wrapped_messages() {
        for message in [
            "CHECK constraint failed: write_7",
            "D1_ERROR: CHECK constraint failed: write_7: SQLITE_CONSTRAINT",
            "D1_ERROR: CHECK constraint failed: write_7: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
        ] {
            assert_eq!(failed_check(message), Some("write_7"), "{message}");
        }
        for message in ["UNIQUE constraint failed: item.sort", "CHECK constraint failed: ", ""] {
            assert_eq!(failed_check(message), None, "{message}");
        }
    }

    #[test]
    fn debug_shows_no_contents() {
        let row = Row {
            partition: "secret".into(),
            sort: "secret".into(),
            body: "secret".into(),
            version: 1,
            expires_at: None,
            index_sort: Some("secret".into()),
        };
        assert!(!format!("{row:?}").contains("secret"));
    }
}

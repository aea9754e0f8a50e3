use latchkey_core::port::WriteFault;
use rusqlite::ErrorCode;

use crate::{DriverError, failed_check};

/// Fix for a damaged file.
pub(super) const MEND_DAMAGE: &str = "stop the server and put a backup in its place";

/// Reason that a database was not opened. Each message names the file and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error("{path}: its folder does not exist; make the folder or give another path")]
    NoFolder {
        /// Path of the file.
        path: String,
    },
    /// The file cannot be created or opened.
    #[error("{path} cannot be opened: {why}; let this user read and write the file and its folder")]
    Denied {
        /// Path of the file.
        path: String,
        /// Error of the system.
        why: String,
    },
    /// The file or its file system is read-only.
    #[error("{path} is read-only; let this user write the file and its folder")]
    ReadOnly {
        /// Path of the file.
        path: String,
    },
    /// The file is not a SQLite database.
    #[error("{path} is not a SQLite database; move the file away or give another path")]
    NotADatabase {
        /// Path of the file.
        path: String,
    },
    /// The file is a SQLite database of another program.
    #[error("{path} is the database of another program; give another path")]
    Foreign {
        /// Path of the file.
        path: String,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {why}; {MEND_DAMAGE}")]
    Corrupt {
        /// Path of the file.
        path: String,
        /// Damage.
        why: String,
    },
    /// A newer version of Latchkey has used the file.
    #[error(
        "{path} has schema {found}, and this version knows schemas up to {known}; run the newer version that made it"
    )]
    Newer {
        /// Path of the file.
        path: String,
        /// Schema version of the file.
        found: i64,
        /// Newest schema version that this program knows.
        known: i64,
    },
    /// Another process holds the file for longer than a commit takes.
    #[error("{path} is locked by another process; stop that process, or try again when it is done")]
    Locked {
        /// Path of the file.
        path: String,
    },
    /// The disk is full.
    #[error("{path} cannot grow: its disk is full; free some space")]
    Full {
        /// Path of the file.
        path: String,
    },
    /// Any other failure.
    #[error("{path} cannot be used: {why}")]
    Failed {
        /// Path of the file.
        path: String,
        /// Failure.
        why: String,
    },
}

impl OpenError {
    /// Returns the meaning of `error` for the database at `path`.
    pub(super) fn new(path: &str, error: &rusqlite::Error) -> Self {
        let (path, why) = (path.to_owned(), why(error));
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Denied { path, why },
            // `Unknown` is a plain SQL error: the statements fit the schema, so the schema must have been
            // changed. `None` is not an error of SQLite itself: a column holds a value that its type
            // excludes.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => Self::Corrupt { path, why },
            Some(_) => Self::Failed { path, why },
        }
    }
}

fn why(error: &rusqlite::Error) -> String {
    match error {
        // The statement is left out, because it does not help a reader of the log.
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// Returns the kind of `error` from a commit.
pub(super) fn write_fault(error: &rusqlite::Error) -> WriteFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => WriteFault::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            WriteFault::ReadOnly
        }
        _ => WriteFault::Other,
    }
}

/// Returns the meaning of `error` from one of the driver's statements, for the database with this name.
pub(super) fn at_run_time(name: &str, error: &rusqlite::Error) -> DriverError {
    if let rusqlite::Error::SqliteFailure(_, Some(message)) = error
        && let Some(constraint) = failed_check(message)
    {
        return DriverError::Check(constraint.to_owned());
    }
    match OpenError::new(name, error) {
        OpenError::NotADatabase { path } => {
            DriverError::Corrupt { at: path, why: "it is not a database".to_owned() }
        }
        OpenError::Corrupt { path, why } => {
            DriverError::Corrupt { at: path, why: format!("{why}; {MEND_DAMAGE}") }
        }
        other => DriverError::Unavailable(other.to_string()),
    }
}

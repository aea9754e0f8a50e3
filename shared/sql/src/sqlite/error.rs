use latchkey_core::port::WriteFault;
use rusqlite::ErrorCode;

use crate::{DriverError, failed_check};

/// How to come back from a damaged file.
pub(super) const MEND_DAMAGE: &str = "stop the server and put a backup in its place";

/// Why a database was not opened. Each message names the file and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file does not exist.
    #[error("{path}: its folder does not exist; make the folder or give another path")]
    NoFolder {
        /// The file.
        path: String,
    },
    /// The file cannot be made or opened.
    #[error("{path} cannot be opened: {why}; let this user read and write the file and its folder")]
    Denied {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The file, or its file system, can only be read.
    #[error("{path} is read-only; let this user write the file and its folder")]
    ReadOnly {
        /// The file.
        path: String,
    },
    /// The file is something else.
    #[error("{path} is not a SQLite database; move the file away or give another path")]
    NotADatabase {
        /// The file.
        path: String,
    },
    /// The file is a SQLite database that another program made.
    #[error("{path} is the database of another program; give another path")]
    Foreign {
        /// The file.
        path: String,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {why}; {MEND_DAMAGE}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version of Latchkey has used the file.
    #[error(
        "{path} has schema {found}, and this version knows schemas up to {known}; run the newer version that made it"
    )]
    Newer {
        /// The file.
        path: String,
        /// The schema of the file.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// Another process holds the file for longer than a commit takes.
    #[error("{path} is locked by another process; stop that process, or try again when it is done")]
    Locked {
        /// The file.
        path: String,
    },
    /// There is no room left.
    #[error("{path} cannot grow: its disk is full; free some space")]
    Full {
        /// The file.
        path: String,
    },
    /// Anything else.
    #[error("{path} cannot be used: {why}")]
    Failed {
        /// The file.
        path: String,
        /// What went wrong.
        why: String,
    },
}

impl OpenError {
    /// What `error` means for the database at `path`.
    pub(super) fn new(path: &str, error: &rusqlite::Error) -> Self {
        let (path, why) = (path.to_owned(), why(error));
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Denied { path, why },
            // A plain error: our statements are right for our schema, so it is the schema that is not as it was made. No
            // error of SQLite's own: a column holds what its type rules out.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => Self::Corrupt { path, why },
            Some(_) => Self::Failed { path, why },
        }
    }
}

fn why(error: &rusqlite::Error) -> String {
    match error {
        // Without the statement, which says nothing to whoever reads the log.
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// The kind of `error`, met by a commit.
pub(super) fn write_fault(error: &rusqlite::Error) -> WriteFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => WriteFault::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            WriteFault::ReadOnly
        }
        _ => WriteFault::Other,
    }
}

/// What `error`, met by a statement of ours, means for the database called `name`.
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

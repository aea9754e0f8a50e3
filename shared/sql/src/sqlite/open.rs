use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::OpenError;
use crate::MIGRATIONS;

/// Name of a database in memory in messages.
pub(super) const MEMORY: &str = "the database in memory";

/// Application id in the file's header: "Ltch" in ASCII.
const APPLICATION_ID: i64 = 0x4C74_6368;

/// Time to wait for another process that writes. A commit takes milliseconds, so this time only passes if
/// something hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens or creates the file, ready for writes.
pub(super) fn file(path: &Path) -> Result<Connection, OpenError> {
    make(path)?;
    let mut connection = connect(path)?;
    prepare(&mut connection, &path.display().to_string())?;
    Ok(connection)
}

/// Opens a further connection to a file that [`file`] has opened.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| OpenError::new(&path.display().to_string(), &error))?;
    Ok(connection)
}

/// Creates a database in memory.
pub(super) fn memory() -> Result<Connection, OpenError> {
    let failed = |error| OpenError::new(MEMORY, &error);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    settings(&connection).map_err(failed)?;
    upgrade(&mut connection, MEMORY)?;
    Ok(connection)
}

/// Creates an empty file if there is none. A file created by SQLite would be readable by every user of the
/// machine.
fn make(path: &Path) -> Result<(), OpenError> {
    // When a process closes a file once, POSIX releases all its locks on that file. No other thread may
    // therefore open the new file before this one has closed it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);

    let shown = || path.display().to_string();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(OpenError::NoFolder { path: shown() });
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Err(OpenError::Full { path: shown() }),
            ErrorKind::ReadOnlyFilesystem => Err(OpenError::ReadOnly { path: shown() }),
            _ => Err(OpenError::Denied { path: shown(), why: error.to_string() }),
        },
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let shown = path.display().to_string();
    // Absolute, because SQLite would take a name such as `file:x` for a URI.
    let full: PathBuf = std::path::absolute(path)
        .map_err(|error| OpenError::Denied { path: shown.clone(), why: error.to_string() })?;
    // Each connection is behind a mutex of its own, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(full, flags).map_err(|error| OpenError::new(&shown, &error))?;
    settings(&connection).map_err(|error| OpenError::new(&shown, &error))?;
    Ok(connection)
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // The cache holds all statements; the queries come in a few dozen shapes.
    connection.set_prepared_statement_cache_capacity(64);
    // A damaged or hostile file must not make SQLite run code from it, and a stray statement must not damage
    // it further.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Data for undoing a statement stays in memory. SQLite would write accounts to a file in the system's
    // temporary folder, outside the data folder, and take longer.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Every commit reaches the disk before it is acknowledged, not only those before a checkpoint.
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Prepares the file for use. It changes the file only if the file belongs to Latchkey and is writable.
pub(super) fn prepare(connection: &mut Connection, path: &str) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::new(path, &error);
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    schema_version(connection, path)?;
    if write_ahead(connection).map_err(failed)? != "wal" {
        let why = "its file system cannot share memory between processes; use a local disk".to_owned();
        return Err(OpenError::Failed { path: path.to_owned(), why });
    }
    upgrade(connection, path)
}

/// Turns the write-ahead log on permanently, and returns the resulting mode of the file.
fn write_ahead(connection: &mut Connection) -> rusqlite::Result<String> {
    for _ in 0..100 {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            // This is the only step for which SQLite does not wait while another process does the same.
            // Taking the write lock does wait, and afterwards the other process has finished.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()?;
            }
            answer => return answer,
        }
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
}

/// Updates the schema in one transaction, so that two processes that open a new file do it once.
fn upgrade(connection: &mut Connection, path: &str) -> Result<(), OpenError> {
    if schema_version(connection, path)? == known() {
        return Ok(());
    }
    let failed = |error: rusqlite::Error| OpenError::new(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version = schema_version(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(migration.sql).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known()).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Returns the number of migrations that the file has had; 0 for an empty file.
fn schema_version(connection: &Connection, path: &str) -> Result<i64, OpenError> {
    let (version, application, tables): (i64, i64, i64) = connection
        .query_row(
            "SELECT (SELECT user_version FROM pragma_user_version), \
             (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(|error| OpenError::new(path, &error))?;
    let path = path.to_owned();
    match (application, version) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION_ID, version) if version > known() => {
            Err(OpenError::Newer { path, found: version, known: known() })
        }
        (APPLICATION_ID, version) if version > 0 => Ok(version),
        _ => Err(OpenError::Foreign { path }),
    }
}

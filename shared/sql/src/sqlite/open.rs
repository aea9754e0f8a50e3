use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::OpenError;
use crate::MIGRATIONS;

/// What messages call a database in memory.
pub(super) const MEMORY: &str = "the database in memory";

/// Stands in the file's header and says whose it is: "Ltch" in ASCII.
const APPLICATION_ID: i64 = 0x4C74_6368;

/// How long to wait for another process that writes. A commit takes milliseconds, so this only ends when something hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens or makes the file, ready to write.
pub(super) fn file(path: &Path) -> Result<Connection, OpenError> {
    make(path)?;
    let mut connection = connect(path)?;
    prepare(&mut connection, &path.display().to_string())?;
    Ok(connection)
}

/// A further connection to a file that [`file`] has opened.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(|error| OpenError::new(&path.display().to_string(), &error))?;
    Ok(connection)
}

/// A new database in memory.
pub(super) fn memory() -> Result<Connection, OpenError> {
    let failed = |error| OpenError::new(MEMORY, &error);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    settings(&connection).map_err(failed)?;
    upgrade(&mut connection, MEMORY)?;
    Ok(connection)
}

/// Makes an empty file where there is none: SQLite's own would be readable by every user of the machine.
fn make(path: &Path) -> Result<(), OpenError> {
    // POSIX lets go of all locks that a process has on a file when it closes it once: no other thread may have opened the
    // new file before this one has closed it.
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
    // Absolute, as SQLite would take a name such as `file:x` for an address.
    let full: PathBuf = std::path::absolute(path)
        .map_err(|error| OpenError::Denied { path: shown.clone(), why: error.to_string() })?;
    // Each connection stays behind a mutex of ours, so SQLite need not lock its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(full, flags).map_err(|error| OpenError::new(&shown, &error))?;
    settings(&connection).map_err(|error| OpenError::new(&shown, &error))?;
    Ok(connection)
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // Holds every statement there is; the queries come in a few dozen shapes.
    connection.set_prepared_statement_cache_capacity(64);
    // A damaged or hostile file must not make SQLite run what it holds, nor be damaged further by a stray statement.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // What a statement may have to undo is kept in memory: SQLite would write accounts to a file in the system's temporary
    // folder, outside the data folder, and take longer.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Every commit reaches the disk before it is acknowledged, and not only the ones before a checkpoint.
    connection.pragma_update(None, "synchronous", "FULL")
}

/// Takes possession of the file: only when it is ours and can be written is anything about it changed.
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

/// Turns the write-ahead log on, for good, and gives the mode that the file then is in.
fn write_ahead(connection: &mut Connection) -> rusqlite::Result<String> {
    for _ in 0..100 {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            // The one step for which SQLite does not wait by itself while another process does the same. Taking the lock
            // to write does wait, and after that the other one is done.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()?;
            }
            answer => return answer,
        }
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
}

/// Brings the schema up to date in one transaction, so that two processes that open a new file do it once.
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

/// How many migrations the file has had: 0 for one that is empty.
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

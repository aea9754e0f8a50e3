use super::*;

fn refusal(path: &Path) -> OpenError {
    let error = Sqlite::open(path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let (_folder, path) = place();
    let table = SqlTable::new(Sqlite::open(&path).unwrap());
    fill(&table, 250).await;
    drop(table);
    let table = SqlTable::new(Sqlite::open(&path).unwrap());
    assert_eq!(count(&table).await, 250);
    table.driver().quick_check().unwrap();
}

#[test]
fn closing_folds_the_log_into_the_file() {
    let (folder, path) = place();
    drop(Sqlite::open(&path).unwrap());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [path]);
}

/// In SQLite's terms `synchronous` 2 is FULL, and `temp_store` 2 is MEMORY.
#[test]
fn every_commit_reaches_the_disk_and_nothing_leaves_the_folder() {
    let (_folder, path) = place();
    for connection in [open::file(&path).unwrap(), open::reader(&path).unwrap()] {
        for name in ["synchronous", "temp_store"] {
            let value: i64 = connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
            assert_eq!(value, 2, "{name}");
        }
    }
}

#[test]
fn many_can_open_a_new_file_at_once() {
    for _ in 0..5 {
        let (_folder, path) = place();
        let open = || Sqlite::open(&path).unwrap();
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            for one in all {
                one.join().unwrap().quick_check().unwrap();
            }
        });
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    let _open = Sqlite::open(&path).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "the file, its log and the log's index");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_name_is_never_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:x?mode=memory");
    let _open = Sqlite::open(&path).unwrap();
    assert!(path.metadata().unwrap().len() > 0);
}

#[test]
fn a_missing_folder_is_named() {
    let (folder, _) = place();
    assert!(matches!(refusal(&folder.path().join("missing/latchkey.db")), OpenError::NoFolder { .. }));
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_folder_is_no_file() {
    let (folder, _) = place();
    assert!(matches!(refusal(folder.path()), OpenError::Denied { .. }));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_named() {
    assert!(matches!(refusal(Path::new("/proc/latchkey.db")), OpenError::Denied { .. }));
}

#[test]
fn a_file_that_can_only_be_read_is_refused() {
    let (_folder, path) = place();
    drop(Sqlite::open(&path).unwrap());
    // SQLite opens a file this way when the system denies writing.
    let mut connection =
        Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert!(matches!(open::prepare(&mut connection, "x"), Err(OpenError::ReadOnly { .. })));
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let text = "not a database, however long it is. ".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(refusal(&path), OpenError::NotADatabase { .. }));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    for statements in [
        "CREATE TABLE theirs (x)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 7; CREATE TABLE item (x)",
    ] {
        let (_folder, path) = place();
        Connection::open(&path).unwrap().execute_batch(statements).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(matches!(refusal(&path), OpenError::Foreign { .. }), "{statements}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{statements}");
    }
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let (_folder, path) = place();
    drop(Sqlite::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Newer { found: 7, known: 1, .. }), "{error:?}");
}

#[test]
fn a_damaged_start_is_refused() {
    let (_folder, path) = place();
    drop(Sqlite::open(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    // After the header: the first page of the schema.
    bytes[100..400].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(refusal(&path), OpenError::Corrupt { .. }));
}

#[test]
fn readers_cannot_write() {
    let (_folder, path) = place();
    let _open = Sqlite::open(&path).unwrap();
    let reader = open::reader(&path).unwrap();
    assert!(reader.execute("DELETE FROM item", []).is_err());
}

use std::time::Duration;

use latchkey_core::port::WriteFault;

use super::*;
use crate::statement;

/// Limits the growth of the file, as a full disk does, or removes the limit.
fn limit_pages(connection: &Connection, pages: i64) {
    connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0)).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_named_and_passes() {
    let (_folder, path) = place();
    let (table, writer) = opened(&path);
    fill(&table, 100).await;
    limit_pages(&writer.lock().unwrap(), 1);
    let large = Write::create(key("large"), &"x".repeat(50_000)).unwrap();
    let why = unavailable(table.commit(&[create("small"), large.clone()], NOW).await);
    assert!(why.contains("disk is full") && why.contains(&path.display().to_string()), "{why}");
    assert_eq!(count(&table).await, 100);
    limit_pages(&writer.lock().unwrap(), 1_000_000);
    table.commit(&[create("small"), large], NOW).await.unwrap();
    assert_eq!(count(&table).await, 102);
    table.driver().quick_check().unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so_and_why() {
    let (_folder, path) = place();
    let (table, writer) = opened(&path);
    limit_pages(&writer.lock().unwrap(), 1);
    for _ in 0..2 {
        assert_eq!(table.check_writes(NOW).await, Err(WriteFault::DiskFull));
    }
    limit_pages(&writer.lock().unwrap(), 1_000_000);
    table.check_writes(NOW).await.unwrap();
    // A trial write leaves nothing that anyone can see.
    assert_eq!(count(&table).await, 0);

    let only_read = |only: bool| writer.lock().unwrap().pragma_update(None, "query_only", only).unwrap();
    only_read(true);
    // A recent successful write counts as proof, until one fails.
    table.check_writes(NOW + Duration::from_secs(59)).await.unwrap();
    unavailable(table.commit(&[create("a")], NOW).await);
    assert_eq!(table.check_writes(NOW).await, Err(WriteFault::ReadOnly));
    only_read(false);
    table.check_writes(NOW).await.unwrap();
    only_read(true);
    assert_eq!(table.check_writes(NOW + Duration::from_mins(1)).await, Err(WriteFault::ReadOnly));
}

#[test]
fn a_group_that_cannot_be_written_is_answered_as_one() {
    let mut connection = open::memory().unwrap();
    limit_pages(&connection, 1);
    let large = Write::create(key("large"), &"x".repeat(50_000)).unwrap();
    // The second conflicts with the first, whose writes are lost with those of the third.
    let group: Vec<_> = [create("a"), create("a"), large]
        .iter()
        .map(|write| statement::commit(std::slice::from_ref(write), NOW))
        .collect();
    for answer in writer::commit_group(&mut connection, "x", &group) {
        assert!(matches!(answer, Err(DriverError::Unavailable(_))), "{answer:?}");
    }
    let left: i64 = connection.query_row("SELECT count(*) FROM item", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_named_and_passes() {
    let (_folder, path) = place();
    let (table, writer) = opened(&path);
    writer.lock().unwrap().busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let why = unavailable(table.commit(&[create("a")], NOW).await);
    assert!(why.contains("locked by another process") && why.contains(&path.display().to_string()), "{why}");
    // Reads continue while another connection writes.
    assert!(!is_there(&table, "a").await);
    other.execute_batch("ROLLBACK").unwrap();
    table.commit(&[create("a")], NOW).await.unwrap();
}

/// Overwrites the root page of the items table.
fn damage(path: &Path) {
    let find = "SELECT (rootpage - 1) * page_size, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'item'";
    let (start, len): (u32, u32) =
        Connection::open(path).unwrap().query_row(find, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[start as usize..][..len as usize].fill(0xa5);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn damage_is_found_by_the_check_and_by_whoever_meets_it() {
    let (_folder, path) = place();
    let table = SqlTable::new(Sqlite::open(&path).unwrap());
    fill(&table, 500).await;
    drop(table);
    damage(&path);

    let table = SqlTable::new(Sqlite::open(&path).unwrap());
    let name = path.display().to_string();
    let error = table.driver().quick_check().unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { at, .. } if *at == name), "{error:?}");
    let error = table.get(&[key("000001")], NOW).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { at, why } if *at == name && why.contains("backup")),
        "{error:?}"
    );
    let error = table.commit(&[create("new")], NOW).await.unwrap_err();
    assert!(matches!(&error, CommitError::Store(StoreError::Corrupt { at, .. }) if *at == name), "{error:?}");
}

#[tokio::test]
async fn a_schema_that_was_changed_by_hand_is_damage_and_no_conflict() {
    let (_folder, path) = place();
    let table = SqlTable::new(Sqlite::open(&path).unwrap());
    Connection::open(&path).unwrap().execute_batch("DROP TABLE guard").unwrap();
    let error = table.commit(&[create("a")], NOW).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::Store(StoreError::Corrupt { why, .. }) if why.contains("guard")),
        "{error:?}"
    );
}

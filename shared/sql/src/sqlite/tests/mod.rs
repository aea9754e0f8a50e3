mod opening;
mod plans;
mod trouble;
mod writing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Key, Query, Write};
use latchkey_core::{Timestamp, port::StoreError};
use tempfile::TempDir;

use super::readers::Readers;
use super::*;
use crate::SqlTable;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// Returns a folder that is deleted when the test ends, and a path for a database in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latchkey.db");
    (folder, path)
}

fn key(sort: &str) -> Key {
    Key::new("p", sort)
}

fn create(sort: &str) -> Write {
    Write::create(key(sort), &"x".repeat(100)).unwrap()
}

async fn is_there(table: &SqlTable<Sqlite>, sort: &str) -> bool {
    table.get(&[key(sort)], NOW).await.unwrap()[0].is_some()
}

fn unavailable(answer: Result<(), CommitError>) -> String {
    match answer {
        Err(CommitError::Store(StoreError::Unavailable(why))) => why,
        other => panic!("{other:?}"),
    }
}

/// Returns a table over a file, and its writer's connection for the test.
fn opened(path: &Path) -> (SqlTable<Sqlite>, Arc<Mutex<Connection>>) {
    let writer = Arc::new(Mutex::new(open::file(path).unwrap()));
    let readers = Readers::new(Arc::new(Mutex::new(open::reader(path).unwrap())), Vec::new());
    let driver = Sqlite::start(Arc::clone(&writer), readers, &path.display().to_string()).unwrap();
    (SqlTable::new(driver), writer)
}

async fn fill(table: &SqlTable<Sqlite>, count: usize) {
    let sorts: Vec<String> = (0..count).map(|n| format!("{n:06}")).collect();
    for some in sorts.chunks(100) {
        table.commit(&some.iter().map(|sort| create(sort)).collect::<Vec<_>>(), NOW).await.unwrap();
    }
}

async fn count(table: &SqlTable<Sqlite>) -> usize {
    let page = table.query(&Query::prefix("p", "", 1000), NOW).await.unwrap();
    assert!(page.next.is_none());
    page.items.len()
}

//! Conformance suite of the `Table` port over a database in memory, over a file, and over a file that two
//! processes share.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{StoreError, Table};
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;
use latchkey_testkit::table_conformance;

fn open(path: &Path) -> SqlTable<Sqlite> {
    SqlTable::new(Sqlite::open(path).unwrap())
}

mod memory {
    use super::*;

    table_conformance!((Arc::new(SqlTable::new(Sqlite::open_in_memory().unwrap())), ()));
}

mod file {
    use super::*;

    table_conformance!({
        let folder = tempfile::tempdir().unwrap();
        (Arc::new(open(&folder.path().join("latchkey.db"))), folder)
    });
}

/// Two tables that share only the file. Calls go to each in turn, so a read follows the other table's write,
/// and races are between the two.
struct InTurn {
    one: SqlTable<Sqlite>,
    other: SqlTable<Sqlite>,
    calls: AtomicUsize,
}

impl InTurn {
    fn next(&self) -> &SqlTable<Sqlite> {
        if self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { &self.one } else { &self.other }
    }
}

#[async_trait]
impl Table for InTurn {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        self.next().get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.next().query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        self.next().commit(writes, now).await
    }
}

mod shared_file {
    use super::*;

    table_conformance!({
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latchkey.db");
        (Arc::new(InTurn { one: open(&path), other: open(&path), calls: AtomicUsize::new(0) }), folder)
    });
}

//! Counting in one batch: the conformance suite of the `Counters` port, and the same results and items as
//! `TableCounters`.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::TableCounters;
use latchkey_core::port::table::Write;
use latchkey_core::port::{Count, Counters, StoreError, Table, Window};
use latchkey_sql::sqlite::Sqlite;
use latchkey_sql::{Access, Driver, DriverError, Outcome, SqlCounters, SqlTable, Statement};
use latchkey_testkit::counters_conformance;
use proptest::prelude::*;
use tempfile::TempDir;

/// One database for several counters, and the number of batches that it has run.
#[derive(Clone)]
struct Shared(Arc<Sqlite>, Arc<AtomicUsize>);

impl Shared {
    fn new() -> Self {
        Self(Arc::new(Sqlite::open_in_memory().unwrap()), Arc::default())
    }
}

#[async_trait]
impl Driver for Shared {
    async fn run(&self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.run(access, batch).await
    }
}

mod memory {
    use super::*;

    counters_conformance!(async { Arc::new(SqlCounters::new(Sqlite::open_in_memory().unwrap())) });
}

mod file {
    use super::*;

    /// Counters over a file, and its folder.
    struct InFolder {
        counters: SqlCounters<Sqlite>,
        _folder: TempDir,
    }

    #[async_trait]
    impl Counters for InFolder {
        async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
            self.counters.hit(windows, now).await
        }
    }

    counters_conformance!(async {
        let folder = tempfile::tempdir().unwrap();
        let counters = SqlCounters::new(Sqlite::open(&folder.path().join("latchkey.db")).unwrap());
        Arc::new(InFolder { counters, _folder: folder })
    });
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

fn window(key: &str, limit: u32) -> Window {
    Window { key: key.to_owned(), limit, length: Duration::from_mins(1) }
}

#[tokio::test]
async fn a_hit_is_one_round_trip_refused_or_not() {
    let database = Shared::new();
    let counters = SqlCounters::new(database.clone());
    for admitted in [true, false] {
        let counts = counters.hit(&[window("a", 1), window("b", 5)], at(0)).await.unwrap();
        assert_eq!(counts[0].admitted, admitted);
    }
    assert_eq!(database.1.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_crowd_nobody_is_turned_away_before_the_window_is_full() {
    let counters = Arc::new(SqlCounters::new(Shared::new()));
    let hits = (0..500).map(|_| {
        let counters = Arc::clone(&counters);
        tokio::spawn(async move { counters.hit(&[window("k", 450)], at(0)).await.unwrap()[0].admitted })
    });
    let mut admitted = 0;
    for hit in hits.collect::<Vec<_>>() {
        admitted += usize::from(hit.await.unwrap());
    }
    assert_eq!(admitted, 450);
}

#[tokio::test]
async fn what_is_no_log_is_told_and_not_written_over() {
    for body in ["\"text\"", "7", "{\"a\":7}", "[\"text\"]"] {
        let database = Shared::new();
        let table = SqlTable::new(database.clone());
        let key = TableCounters::key("k");
        let value: serde_json::Value = serde_json::from_str(body).unwrap();
        table.commit(&[Write::create(key.clone(), &value).unwrap()], at(0)).await.unwrap();
        let answer = SqlCounters::new(database).hit(&[window("k", 9)], at(0)).await;
        assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "{body}: {answer:?}");
        assert_eq!(table.get(&[key], at(0)).await.unwrap()[0].as_ref().unwrap().body, body);
    }
}

#[tokio::test]
async fn more_windows_than_a_statement_binds_are_refused() {
    let counters = SqlCounters::new(Shared::new());
    let windows: Vec<_> = (0..33).map(|n| window(&n.to_string(), 1)).collect();
    assert!(matches!(counters.hit(&windows, at(0)).await, Err(StoreError::Refused(_))));
    assert_eq!(counters.hit(&windows[1..], at(0)).await.unwrap().len(), 32);
}

#[tokio::test]
async fn the_ends_of_time_break_nothing() {
    let longest = Window { length: Duration::from_millis(u64::MAX), ..window("k", 1) };
    for now in [i64::MIN, 0, i64::MAX] {
        let counters = SqlCounters::new(Shared::new());
        let now = Timestamp::from_millis(now);
        assert!(counters.hit(std::slice::from_ref(&longest), now).await.unwrap()[0].admitted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Both counters take turns over one database, and one of them counts alone over another. Clocks jump and
    /// quotas change.
    #[test]
    fn both_ways_to_count_are_one(
        steps in proptest::collection::vec((-90_i64..90, 1_u32..5, 1_u64..120, 0_usize..3, any::<bool>()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mixed, alone) = (Shared::new(), Shared::new());
            let fast = SqlCounters::new(mixed.clone());
            let slow = TableCounters::new(Arc::new(SqlTable::new(mixed.clone())));
            let reference = TableCounters::new(Arc::new(SqlTable::new(alone.clone())));
            let mut now = 1_000;
            for (step, limit, secs, first, two) in steps {
                now += step;
                let length = Duration::from_secs(secs);
                let keys = ["a", "b", "c", "a"];
                let windows: Vec<_> = keys[first..first + 1 + usize::from(two)]
                    .iter()
                    .map(|key| Window { key: (*key).to_owned(), limit, length })
                    .collect();
                let expected = reference.hit(&windows, at(now)).await.unwrap();
                let counters: &dyn Counters = if step % 4 == 0 { &slow } else { &fast };
                assert_eq!(counters.hit(&windows, at(now)).await.unwrap(), expected);
                let keys: Vec<_> = ["a", "b", "c"].map(TableCounters::key).into();
                let (mixed, alone) = (SqlTable::new(mixed.clone()), SqlTable::new(alone.clone()));
                assert_eq!(mixed.get(&keys, at(now)).await.unwrap(), alone.get(&keys, at(now)).await.unwrap());
            }
        });
    }
}

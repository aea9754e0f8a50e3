//! Counters on the table: the conformance tests over two tables, the stored items, and concurrent hits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::TableCounters;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{Count, Counters, StoreError, Table, Window};
use latchkey_testkit::{Call, CountingTable, FailingTable, Fault, ModelTable, Trips};

const MINUTE: Duration = Duration::from_mins(1);

mod over_the_model {
    use super::*;

    latchkey_testkit::counters_conformance!(async {
        Arc::new(TableCounters::new(Arc::new(ModelTable::new())))
    });
}

mod over_sqlite {
    use super::*;

    latchkey_testkit::counters_conformance!(async {
        Arc::new(TableCounters::new(latchkey_testkit::memory_table()))
    });
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

fn window(key: &str, limit: u32) -> Window {
    Window { key: key.to_owned(), limit, length: MINUTE }
}

#[tokio::test]
async fn a_hit_is_two_round_trips_and_a_refused_one_is_one() {
    let trips = Trips::default();
    let table = CountingTable::new(Arc::new(ModelTable::new()), trips.clone());
    let counters = TableCounters::new(Arc::new(table));
    let windows = [window("a", 1), window("b", 5)];
    assert!(counters.hit(&windows, at(0)).await.unwrap().iter().all(|count| count.admitted));
    assert_eq!(trips.take(), 2);
    assert!(!counters.hit(&windows, at(1)).await.unwrap()[0].admitted);
    assert_eq!(trips.take(), 1);
}

#[tokio::test]
async fn a_hit_on_no_windows_checks_that_the_table_responds_and_writes_nothing() {
    let model = Arc::new(ModelTable::new());
    let table = Arc::new(FailingTable::new(Arc::<ModelTable>::clone(&model)));
    let counters = TableCounters::new(Arc::<FailingTable>::clone(&table));
    table.faults.add(Fault::unavailable().on(Call::Commit));
    assert_eq!(counters.hit(&[], at(0)).await.unwrap(), []);
    assert_eq!(model.len(), 0);
    table.faults.add(Fault::unavailable().on(Call::Get));
    assert!(matches!(counters.hit(&[], at(0)).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_window_is_one_item_that_ends_with_it() {
    let table = Arc::new(ModelTable::new());
    let counters = TableCounters::new(Arc::<ModelTable>::clone(&table));
    for secs in [0, 10] {
        counters.hit(&[window("signin:address:x", 5)], at(secs)).await.unwrap();
    }
    let key = Key::new("count#signin:address:x", "hits");
    let item = table.get(&[key], at(10)).await.unwrap().pop().flatten().unwrap();
    assert_eq!(item.body, "[1767225600000,1767225610000]");
    assert_eq!(item.expires_at, Some(at(10) + MINUTE + MINUTE));
    assert_eq!(table.len(), 1);
}

#[tokio::test]
async fn an_item_that_is_not_a_log_is_reported_and_not_overwritten() {
    let table = Arc::new(ModelTable::new());
    let key = Key::new("count#k", "hits");
    table.commit(&[Write::create(key, &"no log").unwrap()], at(0)).await.unwrap();
    let answer = TableCounters::new(table).hit(&[window("k", 1)], at(0)).await;
    assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "{answer:?}");
}

/// A hit whose response was lost may have been counted, so it is not tried again.
#[tokio::test]
async fn a_lost_response_counts_once_at_most() {
    let model = Arc::new(ModelTable::new());
    let failing = Arc::new(FailingTable::new(Arc::<ModelTable>::clone(&model)));
    failing.faults.add(Fault::answer_lost().on(Call::Commit).times(1));
    let counters = TableCounters::new(failing);
    assert!(matches!(counters.hit(&[window("k", 5)], at(0)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(counters.hit(&[window("k", 5)], at(0)).await.unwrap()[0].used, 2);
}

/// Table on which another writer is always faster, for a given number of times.
struct Overtaken {
    inner: ModelTable,
    left: AtomicUsize,
}

#[async_trait]
impl Table for Overtaken {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.inner.query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if taken.is_ok() {
            return Err(CommitError::Conflict { write: 0 });
        }
        self.inner.commit(writes, now).await
    }
}

fn overtaken(times: usize) -> TableCounters {
    TableCounters::new(Arc::new(Overtaken { inner: ModelTable::new(), left: AtomicUsize::new(times) }))
}

#[tokio::test]
async fn a_hit_that_others_overtake_is_retried_within_a_bound() {
    let patient = overtaken(TableCounters::MAX_ATTEMPTS - 1);
    assert_eq!(patient.hit(&[window("k", 5)], at(0)).await.unwrap()[0].used, 1);
    let beaten = overtaken(TableCounters::MAX_ATTEMPTS);
    assert!(matches!(beaten.hit(&[window("k", 5)], at(0)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(beaten.hit(&[window("k", 5)], at(0)).await.unwrap()[0].used, 1, "nothing was counted before");
}

/// Several processes over one table, on overlapping windows: each window holds exactly the admitted hits.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_crowd_every_admitted_hit_is_counted_once() {
    let table = latchkey_testkit::memory_table();
    let mut tasks = Vec::new();
    for n in 0..120_usize {
        let counters = TableCounters::new(Arc::clone(&table));
        // Each pair of windows in both orders.
        let mut windows = [window("x", 30), window(if n % 3 == 0 { "y" } else { "z" }, 25)];
        if n % 2 == 0 {
            windows.reverse();
        }
        tasks.push(tokio::spawn(async move {
            let counts = counters.hit(&windows, at(0)).await.unwrap();
            (n % 3 == 0, counts.iter().all(|count| count.admitted))
        }));
    }
    let (mut y, mut z) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            (true, true) => y += 1,
            (false, true) => z += 1,
            (_, false) => {}
        }
    }
    assert_eq!(y + z, 30, "as many as the window that all share takes");
    let counters = TableCounters::new(table);
    let used = async |key, limit| -> Count { counters.hit(&[window(key, limit)], at(0)).await.unwrap()[0] };
    assert_eq!((used("y", 1000).await.used, used("z", 1000).await.used), (y + 1, z + 1));
    assert!(!used("x", 30).await.admitted);
}

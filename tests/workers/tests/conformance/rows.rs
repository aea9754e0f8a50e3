//! The rows that D1 reads and writes for one call. Cloudflare bills them, and they show at once where the SQLite of workerd walks
//! through more than a call needs. Needs the door of `harness/entry.mjs`.

use std::fmt::Debug;
use std::time::Duration;

use http::Request;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{Condition, Key, List, Query, Version, Write};
use latchkey_core::port::{Counters, Fetch, Table, Window};
use latchkey_tests_workers::{Answer, Call};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{LONG, Probe, url};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A statement that D1 ran.
#[derive(Clone, Copy, Deserialize)]
struct Ran {
    read: u64,
    written: u64,
}

/// The steps in which SQLite is going to run a statement.
#[derive(Deserialize)]
struct Plan {
    sql: String,
    plan: Vec<String>,
}

async fn door<T: DeserializeOwned>(probe: &Probe, name: &str) -> T {
    let request = Request::get(format!("{}/harness/{name}", url())).body(bytes::Bytes::new()).unwrap();
    let answer = probe.client.fetch(request, LONG).await.unwrap();
    serde_json::from_slice(answer.body()).unwrap_or_else(|_| panic!("{name}: {:?}", answer.body()))
}

/// The rows that `call` reads and writes. Each of its statements finds its rows by a key.
async fn rows<T: Debug, E: Debug>(probe: &Probe, call: impl Future<Output = Result<T, E>>) -> (T, u64, u64) {
    door::<Vec<Vec<Ran>>>(probe, "rows").await;
    let given = call.await.unwrap();
    for Plan { sql, plan } in door::<Vec<Plan>>(probe, "plans").await {
        let plan = plan.join("\n");
        assert!(!plan.contains("SCAN item") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
    let batches: Vec<Vec<Ran>> = door(probe, "rows").await;
    assert_eq!(batches.len(), 1, "a call is one round trip");
    let statements = batches.concat();
    let sum = |part: fn(&Ran) -> u64| statements.iter().map(part).sum();
    (given, sum(|ran| ran.read), sum(|ran| ran.written))
}

/// A list that nobody else has, and its list in the index.
fn lists(test: &str, count: u32) -> (String, String) {
    (format!("{test}#{count}"), format!("{test}#{count}#index"))
}

fn write(list: &(String, String), n: u32, condition: Condition) -> Write {
    let sort = format!("{n:05}");
    Write::Put {
        key: Key::new(&*list.0, &*sort),
        body: "1".to_owned(),
        index: Some(Key::new(&*list.1, sort)),
        expires_at: Some(NOW + Duration::from_secs(u64::from(n) + 1)),
        condition,
    }
}

async fn fill(probe: &Probe, list: &(String, String), count: u32) {
    let writes: Vec<_> = (0..count).map(|n| write(list, n, Condition::Absent)).collect();
    for some in writes.chunks(100) {
        probe.commit(some, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn a_hit_reads_its_windows_twice_however_full_they_are() {
    let probe = Probe::default();
    for hits in [10, 100, 400] {
        let windows = ["address", "account", "day"].map(|name| Window {
            key: format!("rows {hits} {name}"),
            limit: 1000,
            length: Duration::from_mins(1),
        });
        for n in 0..hits {
            probe.hit(&windows, NOW + Duration::from_millis(n)).await.unwrap();
        }
        let (counts, read, written) =
            rows(&probe, probe.hit(&windows, NOW + Duration::from_millis(hits))).await;
        assert!(counts.iter().all(|count| count.admitted && u64::from(count.used) == hits + 1), "{counts:?}");
        println!("a hit on 3 windows of {hits} hits: {read} rows read, {written} written");
        assert!(read <= 3 * (2 * hits + 10), "{read} rows for {hits} hits");
        // The item, and its place among those that expire.
        assert_eq!(written, 6);
    }
}

#[tokio::test]
async fn reads_cost_what_they_return_and_writes_what_they_write() {
    let probe = Probe::default();
    for count in [10, 100, 1000] {
        let list = lists("cost", count);
        fill(&probe, &list, count).await;
        let key = |n: u32| Key::new(&*list.0, format!("{n:05}"));

        let (_, read, _) = rows(&probe, probe.get(&[key(3), key(4), key(count)], NOW)).await;
        assert_eq!(read, 2, "get, of {count}");
        let one = Condition::Unchanged(Version::first(NOW));
        // A condition reads its item, if there is one; a write is the item and its two places, in the index and among those that
        // expire.
        for (name, write, expected) in [
            ("create", write(&list, count, Condition::Absent), (0, 3)),
            ("replace", write(&list, 3, one), (1, 3)),
            ("check", Write::Check { key: key(4), condition: one }, (1, 0)),
            ("delete", Write::Delete { key: key(count), condition: None }, (1, 1)),
        ] {
            let ((), read, written) = rows(&probe, probe.commit(&[write], NOW)).await;
            assert_eq!((read, written), expected, "{name}, of {count}");
        }
        for list in [List::Partition(list.0.clone()), List::Index(list.1.clone())] {
            for descending in [false, true] {
                let whole = Query { descending, ..Query::all(list.clone(), count) };
                let (page, read, _) = rows(&probe, probe.query(&whole, NOW)).await;
                assert_eq!(page.items.len() as u64, u64::from(count));
                // It may end at the row behind the last.
                assert!((0..=1).contains(&(read - u64::from(count))), "{read}: {whole:?}");
                let first = Query { limit: 5, ..whole };
                let (page, read, _) = rows(&probe, probe.query(&first, NOW)).await;
                // One more tells that there is more.
                assert_eq!((page.items.len(), read), (5, 6), "{first:?}, of {count}");
                let next = Query { after: page.next, limit: 3, ..first.clone() };
                let (page, read, _) = rows(&probe, probe.query(&next, NOW)).await;
                assert_eq!(page.items.len(), 3);
                // In the index it starts at the place of the cursor, and not behind it.
                assert!((4..=5).contains(&read), "{read}: {next:?}, of {count}");
                let (from, until) = (Some("00004".to_owned()), Some("00008".to_owned()));
                let part = Query { from, until, ..first };
                let (page, read, _) = rows(&probe, probe.query(&part, NOW)).await;
                assert_eq!(page.items.len(), 4);
                assert!((4..=5).contains(&read), "{read}: {part:?}, of {count}");
            }
        }
    }
}

#[tokio::test]
async fn a_purge_reads_four_rows_for_each_item_that_it_removes() {
    let probe = Probe::default();
    let purge = async |now: Timestamp, limit| {
        let call = Call::Purge { now: now.as_millis(), limit };
        let probe = &probe;
        let removed = async move {
            match probe.call(&call).await {
                Answer::Removed(count) => Ok(count),
                other => Err(other),
            }
        };
        rows(probe, removed).await
    };
    let late = NOW + Duration::from_hours(24);
    // Whatever other tests have left.
    while purge(late, 500).await.0 > 0 {}
    for count in [10, 100, 1000] {
        fill(&probe, &lists("purged", count), count).await;
        assert_eq!(purge(NOW, 500).await.0, 0, "nothing has expired");
        for expected in [u64::from(count.min(500)), u64::from(count.saturating_sub(500)), 0] {
            let (removed, read, written) = purge(late, 500).await;
            println!("a purge of {removed}, of {count}: {read} rows read, {written} written");
            assert_eq!((removed, written), (expected, expected));
            assert!(read <= 4 * removed + 3, "{read} rows for {removed}");
        }
    }
}

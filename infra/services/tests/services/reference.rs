//! The script in Redis, compared with the definition of a sliding window.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::adapter::SlidingLog;
use latchkey_core::port::{Count, Counters, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::upstash::{Patient, Upstash};

/// A hit on these windows, some seconds later or earlier.
type Hit = (i64, BTreeMap<u8, (u32, u64)>);

/// Windows of few hits, about as long as the steps in between, so that they fill and empty. Each quota may
/// differ from the previous one.
fn hits() -> impl Strategy<Value = Vec<Hit>> {
    let windows = proptest::collection::btree_map(0..3_u8, (1..5_u32, 1..40_000_u64), 1..=3);
    proptest::collection::vec((-5_000..20_000_i64, windows), 1..40)
}

/// Computes the expected counts by the definition, with one log for each window.
fn expected(logs: &mut BTreeMap<String, SlidingLog>, windows: &[Window], now: Timestamp) -> Vec<Count> {
    let room: Vec<Count> =
        windows.iter().map(|window| logs.entry(window.key.clone()).or_default().peek(window, now)).collect();
    if !room.iter().all(|count| count.admitted) {
        return room;
    }
    windows.iter().map(|window| logs.entry(window.key.clone()).or_default().hit(window, now)).collect()
}

#[test]
fn every_answer_is_the_definitions() {
    let runtime = Runtime::new().unwrap();
    let upstash = runtime.block_on(Upstash::start());
    let counters = upstash.counters(Arc::new(Patient::default()));
    let cases = AtomicUsize::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(100) });
    let outcome = runner.run(&hits(), |hits| {
        let case = cases.fetch_add(1, Ordering::SeqCst);
        let (mut logs, mut now) = (BTreeMap::new(), Timestamp::from_secs(1_767_225_600));
        for (later, windows) in hits {
            now = Timestamp::from_millis(now.as_millis() + later);
            let windows: Vec<Window> = windows
                .into_iter()
                .map(|(key, (limit, millis))| Window {
                    key: format!("{case}:{key}"),
                    limit,
                    length: Duration::from_millis(millis),
                })
                .collect();
            let answered = runtime.block_on(counters.hit(&windows, now)).unwrap();
            prop_assert_eq!(answered, expected(&mut logs, &windows, now));
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Times far from now and at the limits, where Lua's numbers would lose digits.
#[tokio::test]
async fn times_far_away_keep_their_digits() {
    let upstash = Upstash::start().await;
    let counters = upstash.counters(Arc::new(Patient::default()));
    for (n, now) in
        [0, -1, 9_007_199_254_740, 253_402_300_799_999, -62_135_596_800_000].into_iter().enumerate()
    {
        let window = Window { key: n.to_string(), limit: 2, length: Duration::from_mins(1) };
        for expected in [(1, 0), (2, 59_999), (2, 59_998)] {
            let later = i64::from(expected.1 == 59_999) + 2 * i64::from(expected.1 == 59_998);
            let now = Timestamp::from_millis(now + later);
            let count = counters.hit(std::slice::from_ref(&window), now).await.unwrap()[0];
            assert_eq!((count.used, count.free_in), (expected.0, Duration::from_millis(expected.1)), "{now}");
        }
    }
    let longest = Window { key: "k".to_owned(), limit: 1, length: Duration::from_millis(u64::MAX) };
    for (now, admitted) in [(i64::MAX, true), (i64::MAX, false), (i64::MIN, false)] {
        let count =
            counters.hit(std::slice::from_ref(&longest), Timestamp::from_millis(now)).await.unwrap()[0];
        assert_eq!(count.admitted, admitted);
    }
}

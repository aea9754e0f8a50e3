//! Costs of a hit: HTTP requests, bytes, commands, and the data left in Redis.

#![expect(clippy::print_stdout, reason = "a figure for people")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::Timestamp;
use latchkey_core::port::{CacheStore, Counters, Fetch, FetchError, StoreError, Window};

use crate::upstash::{Patient, Upstash};

/// Records the sizes of bodies.
#[derive(Default)]
struct Noting {
    inner: Patient,
    sizes: Mutex<Vec<(usize, usize)>>,
}

impl Noting {
    fn take(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut *self.sizes.lock().unwrap())
    }
}

#[async_trait]
impl Fetch for Noting {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, FetchError> {
        let sent = request.body().len();
        let answer = self.inner.fetch(request, deadline).await?;
        self.sizes.lock().unwrap().push((sent, answer.body().len()));
        Ok(answer)
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_767_225_600)
}

/// Returns the windows of a sign-up.
fn windows() -> [Window; 2] {
    ["signup:address:AAAAAAAAAAAAAAAAAAAAAA", "signup_email:email:AAAAAAAAAAAAAAAAAAAAAA"].map(|key| Window {
        key: key.to_owned(),
        limit: 3,
        length: Duration::from_mins(15),
    })
}

/// Returns the number of commands that Redis has run since the last call, including those in scripts, but not
/// the queries of this function.
async fn commands(upstash: &Upstash) -> u64 {
    let stats: String = upstash.ask(&["INFO", "commandstats"]).await;
    let _: () = upstash.ask(&["CONFIG", "RESETSTAT"]).await;
    let calls = |line: &str| line.split_once("calls=")?.1.split_once(',')?.0.parse::<u64>().ok();
    let counted = ["cmdstat_eval:", "cmdstat_mget:", "cmdstat_set:", "cmdstat_get:", "cmdstat_del:"];
    stats.lines().filter(|line| counted.iter().any(|name| line.starts_with(name))).filter_map(calls).sum()
}

#[tokio::test]
async fn a_hit_is_one_request_and_few_commands() {
    let upstash = Upstash::start().await;
    let fetch = Arc::new(Noting::default());
    let counters = upstash.counters(Arc::<Noting>::clone(&fetch));
    let signup = windows();
    let signin = [Window { key: "signin:address:AAAAAAAAAAAAAAAAAAAAAA".to_owned(), ..windows()[0].clone() }];
    commands(&upstash).await;
    // EVAL, MGET, and a SET for each window that counts the hit.
    for (hits, windows, expected) in [(3, &signup[..], 4), (2, &signup[..], 2), (3, &signin[..], 3)] {
        for _ in 0..hits {
            counters.hit(windows, now()).await.unwrap();
            let sizes = fetch.take();
            assert_eq!(sizes.len(), 1, "one request");
            assert!(sizes[0].0 < 1500 && sizes[0].1 < 64, "{sizes:?}");
            println!("{} windows: {} bytes sent, {} bytes back", windows.len(), sizes[0].0, sizes[0].1);
            assert_eq!(commands(&upstash).await, expected);
        }
    }
}

#[tokio::test]
async fn keys_end_by_themselves() {
    let upstash = Upstash::start().await;
    let counters = upstash.counters(Arc::new(Patient::default()));
    let cache = upstash.cache();
    counters.hit(&windows(), now()).await.unwrap();
    cache.put("roles", "value", Duration::from_mins(15), now()).await.unwrap();
    cache.put("long", "value", Duration::MAX, now()).await.unwrap();
    let mut keys: Vec<String> = upstash.ask(&["KEYS", "*"]).await;
    keys.sort();
    assert_eq!(
        keys,
        [
            "latchkey:cache:long",
            "latchkey:cache:roles",
            "latchkey:count:signup:address:AAAAAAAAAAAAAAAAAAAAAA",
            "latchkey:count:signup_email:email:AAAAAAAAAAAAAAAAAAAAAA",
        ]
    );
    for key in &keys[1..] {
        let left: u64 = upstash.ask(&["PTTL", key]).await;
        assert!((900_000..=960_000).contains(&left), "{key}: {left}");
    }
    let left: i64 = upstash.ask(&["PTTL", &keys[0]]).await;
    assert!(left > 0, "a year, not for ever: {left}");
}

#[tokio::test]
async fn a_window_of_the_largest_limit_holds_it() {
    let upstash = Upstash::start().await;
    let counters = upstash.counters(Arc::new(Patient::default()));
    let hits: Vec<String> = (0..9_999).map(|n| (now().as_millis() + n).to_string()).collect();
    let _: () = upstash.ask(&["SET", "latchkey:count:k", &hits.join(" ")]).await;
    let window = [Window { key: "k".to_owned(), limit: 10_000, length: Duration::from_mins(1) }];
    let last = now() + Duration::from_millis(9_999);
    let count = counters.hit(&window, last).await.unwrap()[0];
    assert_eq!((count.used, count.admitted, count.free_in), (10_000, true, Duration::from_millis(50_001)));
    assert!(!counters.hit(&window, last).await.unwrap()[0].admitted);
}

#[tokio::test]
async fn a_key_of_another_kind_is_no_reason_to_let_everyone_pass() {
    let upstash = Upstash::start().await;
    let counters = upstash.counters(Arc::new(Patient::default()));
    let _: () = upstash.ask(&["RPUSH", "latchkey:count:k", "x"]).await;
    let window = [Window { key: "k".to_owned(), limit: 1, length: Duration::from_mins(1) }];
    assert!(counters.hit(&window, now()).await.unwrap()[0].admitted);
    assert!(!counters.hit(&window, now()).await.unwrap()[0].admitted);
}

#[tokio::test]
async fn while_redis_is_gone_both_ports_say_so() {
    let upstash = Upstash::start().await;
    let (counters, cache) = (upstash.counters(Arc::new(Patient::default())), upstash.cache());
    counters.hit(&windows(), now()).await.unwrap();
    let Upstash { redis, .. } = upstash;
    redis.stop().await;
    let told = counters.hit(&windows(), now()).await;
    assert!(
        matches!(&told, Err(StoreError::Unavailable(why)) if why.contains("Redis does not respond")),
        "{told:?}"
    );
    assert!(matches!(cache.get("k", now()).await, Err(StoreError::Unavailable(_))));
}

//! The suites of the ports over the adapters of `latchkey-cloudflare`, in workerd, behind a probe that this starts.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod rows;

use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Cursor, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{
    CacheStore, Clock, Count, Counters, Entropy, EntropyError, Fetch, FetchError, StoreError, Table, Window,
};
use latchkey_harness::platform::worker::{Start, Worker};
use latchkey_native::HttpFetch;
use latchkey_tests_workers::{Answer, Call, HEADER};
use tokio::sync::Semaphore;

/// How long a call may take: only a probe that hangs meets it.
const LONG: Duration = Duration::from_mins(3);

/// The adapters behind the probe.
#[derive(Default)]
struct Probe {
    client: HttpFetch,
}

impl Probe {
    async fn call(&self, call: &Call) -> Answer {
        let (_, body) = self.send("body", serde_json::to_vec(call).unwrap().into()).await;
        serde_json::from_slice(&body).unwrap()
    }

    async fn send(&self, header: &str, body: Bytes) -> (Option<Answer>, Bytes) {
        // However many callers a rule starts: workerd closes some of 200 connections unread.
        static CONNECTIONS: Semaphore = Semaphore::const_new(100);
        let _connection = CONNECTIONS.acquire().await.unwrap();
        let request = Request::post(url()).header(HEADER, header).body(body).unwrap();
        let response = self.client.fetch(request, LONG).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
        let answer =
            response.headers().get(HEADER).map(|json| serde_json::from_slice(json.as_bytes()).unwrap());
        (answer, response.into_body())
    }
}

/// The probe, one for all tests. It ends with this process.
fn probe() -> &'static Worker {
    static PROBE: LazyLock<Worker> = LazyLock::new(|| {
        let start = Start::new().of_crate("tests/workers/probe");
        start.in_workerd("probe", "workers-probe").unwrap()
    });
    &PROBE
}

fn url() -> &'static str {
    &probe().url
}

#[async_trait]
impl Table for Probe {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        let keys = keys.iter().map(Into::into).collect();
        match self.call(&Call::Get { keys, now: now.as_millis() }).await {
            Answer::Items(items) => Ok(items.into_iter().map(|item| item.map(Into::into)).collect()),
            other => Err(other.into()),
        }
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        match self.call(&Call::Query { query: query.into(), now: now.as_millis() }).await {
            Answer::Page(items, next) => {
                Ok(Page { items: items.into_iter().map(Into::into).collect(), next: next.map(Cursor) })
            }
            Answer::InvalidCursor => Err(QueryError::InvalidCursor),
            other => Err(QueryError::Store(other.into())),
        }
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let writes = writes.iter().map(Into::into).collect();
        match self.call(&Call::Commit { writes, now: now.as_millis() }).await {
            Answer::Done => Ok(()),
            Answer::Conflict(write) => Err(CommitError::Conflict { write }),
            other => Err(CommitError::Store(other.into())),
        }
    }
}

#[async_trait]
impl Counters for Probe {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        let parts = |window: &Window| (window.key.clone(), window.limit, window.length);
        let windows = windows.iter().map(parts).collect();
        match self.call(&Call::Hit { windows, now: now.as_millis() }).await {
            Answer::Counts(counts) => {
                let count = |(used, free_in, admitted)| Count { used, free_in, admitted };
                Ok(counts.into_iter().map(count).collect())
            }
            other => Err(other.into()),
        }
    }
}

#[async_trait]
impl CacheStore for Probe {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        match self.call(&Call::CacheGet { key: key.to_owned(), now: now.as_millis() }).await {
            Answer::Value(value) => Ok(value),
            other => Err(other.into()),
        }
    }

    async fn put(
        &self,
        key: &str,
        value: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        match self.call(&Call::CachePut { key, value, lifetime, now: now.as_millis() }).await {
            Answer::Done => Ok(()),
            other => Err(other.into()),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.call(&Call::CacheDelete { key: key.to_owned() }).await {
            Answer::Done => Ok(()),
            other => Err(other.into()),
        }
    }
}

#[async_trait]
impl Fetch for Probe {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, FetchError> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
        let call = Call::Fetch { method, uri, headers, deadline };
        let (answer, body) = self.send(&serde_json::to_string(&call).unwrap(), body).await;
        match answer.unwrap() {
            Answer::Fetched { status, headers } => {
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                for (name, value) in headers {
                    let name: HeaderName = name.parse().unwrap();
                    response.headers_mut().append(name, HeaderValue::from_bytes(&value).unwrap());
                }
                Ok(response)
            }
            Answer::Timeout => Err(FetchError::Timeout(deadline)),
            Answer::TooLarge => Err(FetchError::TooLarge),
            Answer::Failed(why) => Err(FetchError::Connection(why)),
            other => panic!("{other:?}"),
        }
    }
}

/// Waits for a call where the port does not.
fn wait<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap());
    let (send, receive) = std::sync::mpsc::channel();
    runtime.spawn(async move { send.send(call.await) });
    receive.recv().unwrap()
}

/// The ports without futures.
#[derive(Clone, Default)]
struct Waiting(Arc<Probe>);

impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        let probe = Arc::clone(&self.0);
        match wait(async move { probe.call(&Call::Now).await }) {
            Answer::Time(millis) => Timestamp::from_millis(millis),
            other => panic!("{other:?}"),
        }
    }
}

impl Entropy for Waiting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let (probe, len) = (Arc::clone(&self.0), bytes.len());
        match wait(async move { probe.call(&Call::Fill { len }).await }) {
            Answer::Bytes(drawn) => {
                bytes.copy_from_slice(&drawn);
                Ok(())
            }
            other => Err(EntropyError(format!("{other:?}"))),
        }
    }
}

mod table {
    use super::*;

    latchkey_testkit::table_conformance!((Arc::new(Probe::default()), ()));
}

mod counters {
    use super::*;

    latchkey_testkit::counters_conformance!(async { Arc::new(Probe::default()) as Arc<dyn Counters> });
}

mod cache {
    use super::*;

    latchkey_testkit::cache_conformance!(async { latchkey_testkit::authentic(Probe::default()) });
}

mod cache_store {
    use super::*;

    latchkey_testkit::cache_store_conformance!(async { Arc::new(Probe::default()) as Arc<dyn CacheStore> });
}

mod fetch {
    use super::*;

    latchkey_testkit::fetch_conformance!(async { Arc::new(Probe::default()) as Arc<dyn Fetch> });
}

mod clock {
    use super::*;

    latchkey_testkit::clock_conformance!(Arc::new(Waiting::default()));
}

mod entropy {
    use super::*;

    latchkey_testkit::entropy_conformance!(Arc::new(Waiting::default()));
}

mod worker {
    use super::*;

    fn derive(salt: u8, memory: u32, passes: u32) -> Call {
        Call::Derive {
            password: "correct horse battery staple".to_owned(),
            salt: [salt; 16],
            memory,
            passes,
            lanes: 1,
        }
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_reference_implementation() {
        let call = Call::Derive {
            password: "correct horse battery staple".to_owned(),
            salt: *b"0123456789abcdef",
            memory: 19 * 1024,
            passes: 2,
            lanes: 1,
        };
        let Answer::Bytes(hash) = Probe::default().call(&call).await else { panic!("no hash") };
        // Of libargon2: 832e52b9…e853b0cd.
        assert_eq!((&hash[..4], &hash[28..]), (&[0x83, 0x2e, 0x52, 0xb9][..], &[0xe8, 0x53, 0xb0, 0xcd][..]));
    }

    /// 100 at once, each 19 MiB: one working memory serves all, and who cannot wait is told so.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_burst_of_hashes_stays_small() {
        let probe = Arc::new(Probe::default());
        let callers: Vec<_> = (0..100)
            .map(|n| {
                let probe = Arc::clone(&probe);
                tokio::spawn(async move { probe.call(&derive(n, 19 * 1024, 2)).await })
            })
            .collect();
        let mut served = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Answer::Bytes(_) => served += 1,
                Answer::Busy => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(served >= 32, "{served} were served");
        let Answer::Size(bytes) = probe.call(&Call::Memory).await else { panic!("no size") };
        println!("{served} of 100 were served; the Worker's memory is {} KiB", bytes / 1024);
        assert!(bytes < 48 << 20, "{bytes} bytes");
    }

    /// Each panic costs its own request, and no other.
    #[tokio::test]
    async fn a_panic_does_not_fail_the_next_request() {
        let probe = Probe::default();
        for n in 0..3 {
            let body = serde_json::to_vec(&Call::Panic).unwrap();
            let request = Request::post(url()).header(HEADER, "body").body(body.into()).unwrap();
            let answer = probe.client.fetch(request, LONG).await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert!(matches!(probe.call(&derive(n, 64, 1)).await, Answer::Bytes(_)));
            assert!(matches!(probe.call(&Call::Now).await, Answer::Time(_)));
        }
        crate::probe().logs(&["as it was told"]).unwrap();
    }
}

//! The same faults on real sockets, through the HTTP client of Lambda and the local server.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::Timestamp;
use latchkey_core::port::{Counters, Fetch, FetchError, StoreError, Window};
use latchkey_native::HttpFetch;
use latchkey_testkit::stand_in::StandIn;
use latchkey_upstash::{Breaker, UpstashCounters};

use crate::fake::settings;

/// Sends each request to a route of the stand-in, without a time limit, because nothing here is slow.
struct Rerouted {
    inner: HttpFetch,
    url: String,
}

#[async_trait]
impl Fetch for Rerouted {
    async fn fetch(&self, mut request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        *request.uri_mut() = self.url.parse().unwrap();
        self.inner.fetch(request, Duration::from_mins(1)).await
    }
}

async fn hit(url: String) -> String {
    let fetch = Rerouted { inner: HttpFetch::new(), url };
    let counters = UpstashCounters::new(
        settings("https://eu1-example-12345.upstash.io"),
        Arc::new(fetch),
        Arc::new(Breaker::new()),
    );
    let window = Window { key: "k".to_owned(), limit: 1, length: Duration::from_mins(1) };
    match counters.hit(&[window], Timestamp::from_secs(1)).await {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_is_told_apart() {
    let server = StandIn::start().await;
    for (path, part) in [
        ("/", "not Upstash's"),
        ("/echo", "not Upstash's"),
        ("/status/500", "status 500"),
        ("/status/401", "refuses the token"),
        ("/redirect/302", "status 302"),
        ("/endless", "larger than"),
        ("/size/2000000", "larger than"),
        ("/breaks", "the connection failed"),
        ("/hangs-up", "the connection failed"),
    ] {
        let told = hit(server.url(path)).await;
        assert!(told.contains(part), "{path}: {told}");
    }
    assert_eq!(server.hits("/target"), 0, "the token does not follow a redirect");
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = hit(format!("http://127.0.0.1:{port}/")).await;
    assert!(told.contains("the connection failed"), "{told}");
}

//! An Upstash for one test: the bridge on a free port, and a Redis behind it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey::serve::{self, Serving};
use latchkey_core::Timestamp;
use latchkey_core::port::{Cache, CacheStore, Count, Counters, Fetch, FetchError, StoreError, Window};
use latchkey_native::HttpFetch;
use latchkey_services::{Bridge, RedisServer, Stop, listen};
use latchkey_upstash::{Breaker, UpstashCache, UpstashCounters, UpstashSettings};

pub const TOKEN: &str = "the-token-of-this-test";

/// The service, which ends with the test.
pub struct Upstash {
    pub url: String,
    pub redis: RedisServer,
    _stop: Stop,
}

impl Upstash {
    pub async fn start() -> Self {
        let redis = match RedisServer::start(None).await {
            Ok(redis) => redis,
            Err(error) => panic!("{error}"),
        };
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = Stop::default();
        let routes = Bridge::new(redis.client(), TOKEN.to_owned()).routes();
        tokio::spawn(serve::serve(listener, routes, Serving::default(), stop.asked()));
        Self { url, redis, _stop: stop }
    }

    pub fn settings(&self) -> UpstashSettings {
        let find = |name: &str| match name {
            "UPSTASH_REDIS_REST_URL" => Some(self.url.clone()),
            "UPSTASH_REDIS_REST_TOKEN" => Some(TOKEN.to_owned()),
            _ => None,
        };
        UpstashSettings::read(find).unwrap().unwrap()
    }

    pub fn counters(&self, fetch: Arc<dyn Fetch>) -> UpstashCounters {
        UpstashCounters::new(self.settings(), fetch, Arc::new(Breaker::new()))
    }

    pub fn cache(&self) -> UpstashCache {
        UpstashCache::new(self.settings(), Arc::new(Patient::default()), Arc::new(Breaker::new()))
    }

    /// Sends a command to Redis directly.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = self.redis.client().get_multiplexed_async_connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }
}

/// HTTP without a time limit, because these tests are not about the speed of this machine.
#[derive(Default)]
pub struct Patient(HttpFetch);

#[async_trait]
impl Fetch for Patient {
    async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        self.0.fetch(request, Duration::from_mins(1)).await
    }
}

/// A port, and the Upstash that it uses.
pub struct Kept<T> {
    port: T,
    _upstash: Upstash,
}

pub async fn counters() -> Arc<dyn Counters> {
    let upstash = Upstash::start().await;
    Arc::new(Kept { port: upstash.counters(Arc::new(Patient::default())), _upstash: upstash })
}

pub async fn cache() -> Arc<dyn Cache> {
    let upstash = Upstash::start().await;
    latchkey_testkit::authentic(Kept { port: upstash.cache(), _upstash: upstash })
}

pub async fn cache_store() -> Arc<dyn CacheStore> {
    let upstash = Upstash::start().await;
    Arc::new(Kept { port: upstash.cache(), _upstash: upstash })
}

#[async_trait]
impl Counters for Kept<UpstashCounters> {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.port.hit(windows, now).await
    }
}

#[async_trait]
impl CacheStore for Kept<UpstashCache> {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.port.get(key, now).await
    }

    async fn put(&self, key: &str, text: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError> {
        self.port.put(key, text, lifetime, now).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.port.delete(key).await
    }
}

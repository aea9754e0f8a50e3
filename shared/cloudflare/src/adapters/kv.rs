use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::InProcessCache;
use latchkey_core::port::{Cache, CacheStore, StoreError};
use worker::kv::{KvError, KvStore};
use worker::send::SendFuture;

use crate::{kept, request};

/// Prefix of every key. KV accepts neither an empty key nor `.` and `..`.
const PREFIX: &str = "latchkey/";
/// Maximum length of a key in KV, in bytes.
const MAX_KEY: usize = 512;

/// The isolate's memory, backed by a KV namespace.
///
/// KV may return a value for a minute after it was replaced or deleted, and anyone with write access to the
/// namespace can change values. The [`AuthenticCache`](latchkey_core::adapter::AuthenticCache) above it
/// handles both.
pub struct Kv {
    binding: &'static str,
    memory: InProcessCache,
}

impl Kv {
    /// Maximum size of the part in the isolate's memory, in bytes.
    const MEMORY: u64 = 1 << 20;

    /// Creates a cache from the name of its binding, which each request looks up.
    pub fn new(binding: &'static str) -> Self {
        Self { binding, memory: InProcessCache::new(Self::MEMORY) }
    }

    async fn read(&self, key: String) -> Result<Option<String>, StoreError> {
        let store = request::kv(self.binding)?;
        store.get(&key).text().await.map_err(failure)
    }

    async fn write(store: &KvStore, key: String, stored: String, seconds: u64) -> Result<(), StoreError> {
        let put = store.put(&key, stored).map_err(failure)?;
        put.expiration_ttl(seconds).execute().await.map_err(failure)
    }

    async fn remove(&self, key: String) -> Result<(), StoreError> {
        request::kv(self.binding)?.delete(&key).await.map_err(failure)
    }
}

#[async_trait]
impl CacheStore for Kv {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        if let Some(text) = self.memory.get(key, now).await? {
            return Ok(Some(text));
        }
        let Some(text) = SendFuture::new(self.read(name(key)?)).await? else { return Ok(None) };
        self.memory.put(key, &text, Duration::from_mins(1), now).await?;
        Ok(Some(text))
    }

    async fn put(&self, key: &str, text: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError> {
        let (name, stored, seconds) = (name(key)?, text.to_owned(), kept::seconds(lifetime));
        self.memory.put(key, text, lifetime, now).await?;
        // The binding is looked up now, because after the response there is no request with bindings.
        let store = request::kv(self.binding)?;
        let write = async move {
            if let Err(error) = Self::write(&store, name, stored, seconds).await {
                tracing::warn!(%error, "KV did not take a value");
            }
        };
        SendFuture::new(request::after_the_answer(write)).await;
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.memory.delete(key).await?;
        SendFuture::new(self.remove(name(key)?)).await
    }
}

fn name(key: &str) -> Result<String, StoreError> {
    let name = format!("{PREFIX}{key}");
    if name.len() > MAX_KEY {
        return Err(StoreError::Refused(format!("a key in KV has at most {MAX_KEY} bytes")));
    }
    Ok(name)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failure(error: KvError) -> StoreError {
    StoreError::Unavailable(match &error {
        KvError::JavaScript(value) => crate::convert::thrown(value),
        other => other.to_string(),
    })
}

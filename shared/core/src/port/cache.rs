use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// What may be up to a minute old: role definitions, provider metadata, key sets. Eventual: another process may see a put
/// or a delete up to 60 s later, and an entry may vanish at any time. Nothing that must be true now is read from here.
///
/// Authenticated: a value that comes back is one that this deployment put. In a process nobody else can write; over a store that
/// others can reach this is [`AuthenticCache`](crate::adapter::AuthenticCache).
///
/// # Example
///
/// A cache in a map, without a bound on its size:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex, PoisonError};
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use latchkey_core::Timestamp;
/// use latchkey_core::port::{Cache, StoreError};
///
/// #[derive(Default)]
/// struct MapCache(Mutex<HashMap<String, (String, Timestamp)>>);
///
/// #[async_trait]
/// impl Cache for MapCache {
///     async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
///         let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         Ok(entries.get(key).filter(|(_, end)| now < *end).map(|(value, _)| value.clone()))
///     }
///
///     async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError> {
///         let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         entries.insert(key.to_owned(), (value.to_owned(), now + lifetime));
///         Ok(())
///     }
///
///     async fn delete(&self, key: &str) -> Result<(), StoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
///         Ok(())
///     }
/// }
///
/// # use latchkey_testkit::conformance::cache;
/// let cache: Arc<dyn Cache> = Arc::new(MapCache::default());
/// pollster::block_on(cache::a_lifetime_ends_while_the_entry_is_still_stored(&cache));
/// ```
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value under `key`, unless it is missing or its lifetime is over at `now`.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Keeps `value` under `key` for `lifetime`.
    async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp)
    -> Result<(), StoreError>;

    /// Forgets `key`. Forgetting what is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}

/// A store of texts outside the process, which others may be able to write to: Redis, KV. Nothing reads it directly; an
/// [`AuthenticCache`](crate::adapter::AuthenticCache) does.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// The text under `key`, which may be one that somebody else put, or one whose lifetime is over.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Keeps `text` under `key`, at least for `lifetime` as far as the store keeps anything.
    async fn put(&self, key: &str, text: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError>;

    /// Forgets `key`. Forgetting what is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}

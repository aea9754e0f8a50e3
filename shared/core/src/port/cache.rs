use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// Cache of values that may be up to a minute old: role definitions, provider metadata, key sets.
///
/// Eventually consistent: another process may see a put or a delete up to 60 s later, and an entry may vanish at any time.
/// Never read from it a fact that must be true now.
///
/// Authenticated: every value that it returns was put by this deployment. Inside a process nobody else can write. Over a store
/// that others can reach, [`AuthenticCache`](crate::adapter::AuthenticCache) ensures this.
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
    /// Returns the value under `key`, or `None` if it is missing or its lifetime has ended at `now`.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Stores `value` under `key` for `lifetime`.
    async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp)
    -> Result<(), StoreError>;

    /// Deletes `key`. A missing key is not an error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}

/// Store of texts outside the process that others may be able to write to: Redis, KV. Only
/// [`AuthenticCache`](crate::adapter::AuthenticCache) reads it.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// Returns the text under `key`. Somebody else may have put it, and its lifetime may have ended.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Stores `text` under `key`. The store may lose it early, but does not end its lifetime before `lifetime`.
    async fn put(&self, key: &str, text: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes `key`. A missing key is not an error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// What may be up to a minute old: role definitions, provider metadata, key sets. Eventual: another process may see a put
/// or a delete up to 60 s later, and an entry may vanish at any time. Nothing that must be true now is read from here.
///
/// Authenticated: a value that comes back is one that this deployment put. In a process nobody else can write; over a store that
/// others can reach this is [`AuthenticCache`](crate::adapter::AuthenticCache).
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

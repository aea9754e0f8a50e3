use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::Timestamp;

/// What may be up to a minute old: role definitions, provider metadata, key sets. Eventual: another process may see a put
/// or a delete up to 60 s later, and an entry may vanish at any time. Nothing that must be true now is read from here.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value under `key`, unless it is missing or its lifetime is over at `now`.
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError>;

    /// Keeps `value` under `key` for `lifetime`. A store with a floor on lifetimes (KV: 60 s) may hold it longer but does
    /// not return it longer.
    async fn put(&self, key: &str, value: &str, lifetime: Duration, now: Timestamp)
    -> Result<(), StoreError>;

    /// Forgets `key`. Forgetting what is not there is no error.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}

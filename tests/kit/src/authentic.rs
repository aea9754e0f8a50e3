//! Caches over stores that others may write to.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::AuthenticCache;
use latchkey_core::port::{Cache, CacheStore, StoreError};
use latchkey_core::seal::{MasterSecrets, Sealer};

/// The secret of tests.
pub const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";

/// A sealer under `secret`.
#[expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a test that cannot set itself up fails by a panic"
)]
pub fn sealer(secret: &str) -> Arc<Sealer> {
    Arc::new(Sealer::new(&MasterSecrets::parse(secret).expect("a secret")))
}

/// The cache over `store` that a service with the [`SECRET`] has.
pub fn authentic(store: impl CacheStore + 'static) -> Arc<dyn Cache> {
    Arc::new(AuthenticCache::new(store, sealer(SECRET)))
}

/// A store that several caches share.
pub struct SharedStore(pub Arc<dyn CacheStore>);

#[async_trait]
impl CacheStore for SharedStore {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.0.get(key, now).await
    }

    async fn put(
        &self,
        key: &str,
        text: &str,
        lifetime: std::time::Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.0.put(key, text, lifetime, now).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
}

/// A store in memory that anybody may write to.
#[derive(Default)]
pub struct OpenStore(std::sync::Mutex<std::collections::HashMap<String, String>>);

impl OpenStore {
    fn map(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl CacheStore for OpenStore {
    async fn get(&self, key: &str, _: Timestamp) -> Result<Option<String>, StoreError> {
        Ok(self.map().get(key).cloned())
    }

    async fn put(
        &self,
        key: &str,
        text: &str,
        _: std::time::Duration,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.map().insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.map().remove(key);
        Ok(())
    }
}

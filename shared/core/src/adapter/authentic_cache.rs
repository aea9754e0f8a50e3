//! A [`Cache`] over a store that others may write to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::Timestamp;
use crate::port::{Cache, CacheStore, StoreError};
use crate::seal::{Purpose, Sealer};

const ENTRY: Purpose = Purpose::new("cache entry");

/// A [`Cache`] over a [`CacheStore`]. Each entry contains its expiry, and a tag under `LATCHKEY_SECRET` of its key, its expiry
/// and its value. An entry that somebody else wrote, moved to another key or prolonged is a miss.
pub struct AuthenticCache<S> {
    store: S,
    sealer: Arc<Sealer>,
}

impl<S: CacheStore> AuthenticCache<S> {
    /// Returns a cache over `store`, with tags by `sealer`.
    pub fn new(store: S, sealer: Arc<Sealer>) -> Self {
        Self { store, sealer }
    }

    /// Returns the text to store: tag, expiry in milliseconds, value.
    fn close(&self, key: &str, value: &str, until: Timestamp) -> String {
        let tag = BASE64_URL_SAFE_NO_PAD.encode(self.sealer.tag(ENTRY, &message(key, value, until)));
        format!("{tag}.{}.{value}", until.as_millis())
    }

    /// Returns the expiry and the value from the result of [`close`](Self::close) for the same key.
    fn open<'a>(&self, key: &str, text: &'a str) -> Option<(Timestamp, &'a str)> {
        let (tag, rest) = text.split_once('.')?;
        let (until, value) = rest.split_once('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        let until = Timestamp::from_millis(until.parse().ok()?);
        self.sealer.verify_tag(ENTRY, &message(key, value, until), &tag).then_some((until, value))
    }
}

/// Returns the message to tag. The length of the key comes first, so no other key and value give the same message.
fn message(key: &str, value: &str, until: Timestamp) -> Vec<u8> {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX).to_be_bytes();
    [&length, key.as_bytes(), &until.as_millis().to_be_bytes(), value.as_bytes()].concat()
}

#[async_trait]
impl<S: CacheStore> Cache for AuthenticCache<S> {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let Some(text) = self.store.get(key, now).await? else { return Ok(None) };
        let Some((until, value)) = self.open(key, &text) else {
            tracing::warn!(
                key,
                "an entry of the cache was not written under this LATCHKEY_SECRET and is not used: if the secret has not \
                 changed lately, find out who else can write to the cache"
            );
            return Ok(None);
        };
        Ok((now < until).then(|| value.to_owned()))
    }

    async fn put(
        &self,
        key: &str,
        value: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store.put(key, &self.close(key, value, now + lifetime), lifetime, now).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(key).await
    }
}

impl<S> fmt::Debug for AuthenticCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticCache").finish_non_exhaustive()
    }
}

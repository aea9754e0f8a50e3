use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{CacheStore, Fetch, StoreError};
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::{Breaker, UpstashSettings};

/// Maximum size of a value, in bytes. Encoded as JSON with every byte escaped, it still fits into the largest
/// response that is read.
pub const MAX_VALUE: usize = 160 * 1024;

/// Time for which an entry is stored beyond its lifetime, because the clocks of callers and of Redis differ.
const SLACK: Duration = Duration::from_mins(1);
/// Maximum time for which an entry is stored: a year, because it is only a cache.
const MAX_KEEP: Duration = Duration::from_hours(365 * 24);

/// Texts in Upstash, for an [`AuthenticCache`](latchkey_core::adapter::AuthenticCache).
#[derive(Clone)]
pub struct UpstashCache {
    client: Client,
}

impl UpstashCache {
    /// Creates a cache in the database of `settings`. `breaker` must outlive requests, even if ports are
    /// built for each request.
    pub fn new(settings: UpstashSettings, fetch: Arc<dyn Fetch>, breaker: Arc<Breaker>) -> Self {
        Self { client: Client::new(settings, fetch, breaker) }
    }

    fn key(&self, key: &str) -> String {
        self.client.key("cache", key)
    }
}

impl fmt::Debug for UpstashCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstashCache").finish_non_exhaustive()
    }
}

#[async_trait]
impl CacheStore for UpstashCache {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.client.run(&["GET", &self.key(key)], Some(now), text).await
    }

    async fn put(&self, key: &str, text: &str, lifetime: Duration, now: Timestamp) -> Result<(), StoreError> {
        if text.len() > MAX_VALUE {
            let why = format!("a value of {} bytes; {MAX_VALUE} are allowed", text.len());
            return Err(StoreError::Refused(why));
        }
        let keep = lifetime.saturating_add(SLACK).min(MAX_KEEP).as_millis().to_string();
        let command = ["SET", &self.key(key), text, "PX", &keep];
        let read = |result: &Value| if result == "OK" { Ok(()) } else { Err(Failure::Garbage) };
        self.client.run(&command, Some(now), read).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let read = |result: &Value| result.as_u64().map(|_| ()).ok_or(Failure::Garbage);
        self.client.run(&["DEL", &self.key(key)], None, read).await
    }
}

/// Returns the text of an entry, or `None` without an entry.
fn text(result: &Value) -> Result<Option<String>, Failure> {
    match result {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(Failure::Garbage),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_text_is_an_entry() {
        assert_eq!(text(&json!("a:b")).unwrap().as_deref(), Some("a:b"));
        assert_eq!(text(&json!(null)).unwrap(), None);
        for garbage in [json!(1), json!(["v"]), json!({}), json!(true)] {
            assert!(matches!(text(&garbage), Err(Failure::Garbage)), "{garbage}");
        }
    }
}

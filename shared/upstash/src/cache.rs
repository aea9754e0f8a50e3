use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{Cache, Fetch, StoreError};
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::{Breaker, Settings};

/// The longest value, in bytes. Written as JSON, with every byte escaped, it still fits into an answer that is read.
pub const MAX_VALUE: usize = 160 * 1024;

/// How much longer than its lifetime an entry is kept: the clocks of callers and of Redis differ.
const SLACK: Duration = Duration::from_mins(1);
/// The longest that an entry is kept: a year. It is a cache.
const MAX_KEEP: Duration = Duration::from_hours(365 * 24);

/// Caches in Upstash. An entry is its end in milliseconds, a colon, and the value: whether it is over is decided by the
/// caller's clock, at every read.
#[derive(Clone)]
pub struct UpstashCache {
    client: Client,
}

impl UpstashCache {
    /// Over the database of `settings`. `breaker` outlives requests, also where ports are built for each of them.
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>, breaker: Arc<Breaker>) -> Self {
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
impl Cache for UpstashCache {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.client.run(&["GET", &self.key(key)], Some(now), |result| entry(result, now)).await
    }

    async fn put(
        &self,
        key: &str,
        value: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if value.len() > MAX_VALUE {
            let why = format!("a value of {} bytes; {MAX_VALUE} are allowed", value.len());
            return Err(StoreError::Refused(why));
        }
        let entry = format!("{}:{value}", (now + lifetime).as_millis());
        let keep = lifetime.saturating_add(SLACK).min(MAX_KEEP).as_millis().to_string();
        let command = ["SET", &self.key(key), &entry, "PX", &keep];
        let read = |result: &Value| if result == "OK" { Ok(()) } else { Err(Failure::Garbage) };
        self.client.run(&command, Some(now), read).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let read = |result: &Value| result.as_u64().map(|_| ()).ok_or(Failure::Garbage);
        self.client.run(&["DEL", &self.key(key)], None, read).await
    }
}

/// The value of an entry that is not over.
fn entry(result: &Value, now: Timestamp) -> Result<Option<String>, Failure> {
    if result.is_null() {
        return Ok(None);
    }
    let (end, value) = result.as_str().and_then(|text| text.split_once(':')).ok_or(Failure::Garbage)?;
    let end = end.parse().map(Timestamp::from_millis).map_err(|_| Failure::Garbage)?;
    Ok((now < end).then(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_ends_by_the_callers_clock() {
        let read = |now| entry(&json!("1000:a:b"), Timestamp::from_millis(now));
        assert_eq!(read(999).unwrap().as_deref(), Some("a:b"));
        assert_eq!(read(1000).unwrap(), None);
        assert_eq!(entry(&json!(null), Timestamp::default()).unwrap(), None);
    }

    #[test]
    fn what_is_no_entry_is_no_answer() {
        for garbage in
            [json!(""), json!("value"), json!(":v"), json!("1e3:v"), json!(1), json!(["1:v"]), json!({})]
        {
            assert!(matches!(entry(&garbage, Timestamp::default()), Err(Failure::Garbage)), "{garbage}");
        }
    }
}

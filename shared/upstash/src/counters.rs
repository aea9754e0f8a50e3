use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::window;
use latchkey_core::port::{Count, Counters, Fetch, StoreError, Window};
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::{Breaker, UpstashSettings};

/// The script that runs in Redis (see the file). It is sent with every hit, without its comments.
static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let lines = include_str!("hit.lua").lines().map(str::trim).filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n")
});

/// Limit of times and lengths in milliseconds, about 70,000 years. Lua's numbers are exact up to four times
/// that.
const MAX_MILLIS: i64 = 1 << 51;

/// Counts in Upstash. Every hit is one request with one script, which Redis runs alone.
#[derive(Clone)]
pub struct UpstashCounters {
    client: Client,
}

impl UpstashCounters {
    /// Creates counters in the database of `settings`. `breaker` must outlive requests, even if ports are
    /// built for each request.
    pub fn new(settings: UpstashSettings, fetch: Arc<dyn Fetch>, breaker: Arc<Breaker>) -> Self {
        Self { client: Client::new(settings, fetch, breaker) }
    }

    fn command(&self, windows: &[Window], now: Timestamp) -> Vec<String> {
        let mut command = vec!["EVAL".to_owned(), SCRIPT.clone(), windows.len().to_string()];
        command.extend(windows.iter().map(|window| self.client.key("count", &window.key)));
        command.push(now.as_millis().clamp(-MAX_MILLIS, MAX_MILLIS).to_string());
        for window in windows {
            let length = i64::try_from(window.length.as_millis()).unwrap_or(MAX_MILLIS).min(MAX_MILLIS);
            command.extend([window.limit.to_string(), length.to_string()]);
        }
        command
    }
}

impl fmt::Debug for UpstashCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstashCounters").finish_non_exhaustive()
    }
}

#[async_trait]
impl Counters for UpstashCounters {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        window::check(windows)?;
        if windows.is_empty() {
            let pong = |result: &Value| if result == "PONG" { Ok(Vec::new()) } else { Err(Failure::Garbage) };
            return self.client.run(&["PING"], Some(now), pong).await;
        }
        let command = self.command(windows, now);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        self.client.run(&command, Some(now), |result| counts(result, windows).ok_or(Failure::Garbage)).await
    }
}

/// Reads three integers for each window, if they are plausible.
fn counts(result: &Value, windows: &[Window]) -> Option<Vec<Count>> {
    let (triples, rest) = result.as_array()?.as_chunks::<3>();
    if triples.len() != windows.len() || !rest.is_empty() {
        return None;
    }
    triples.iter().zip(windows).map(|(triple, window)| count(triple, window)).collect()
}

fn count([used, free, admitted]: &[Value; 3], window: &Window) -> Option<Count> {
    let used = u32::try_from(used.as_u64()?).ok()?;
    let free_in = Duration::from_millis(free.as_u64()?);
    let admitted = match admitted.as_u64()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    // The three numbers must be consistent: a refused hit means a full window, a wait means a full window,
    // and a counted hit fits.
    let full = used >= window.limit;
    let consistent = if admitted { used <= window.limit && (full || free_in.is_zero()) } else { full };
    consistent.then_some(Count { used, free_in, admitted })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn windows(limits: &[u32]) -> Vec<Window> {
        let window =
            |limit: &u32| Window { key: "k".to_owned(), limit: *limit, length: Duration::from_mins(1) };
        limits.iter().map(window).collect()
    }

    #[test]
    fn the_script_is_sent_without_its_comments() {
        assert!(
            SCRIPT.starts_with("#!lua flags=allow-key-locking\nlocal now")
                && SCRIPT.ends_with("return answer"),
            "{}",
            *SCRIPT
        );
        assert!(!SCRIPT.contains("--"), "{}", *SCRIPT);
    }

    #[test]
    fn three_numbers_for_each_window_are_counts() {
        let read = counts(&json!([1, 0, 1, 5, 1500, 0]), &windows(&[3, 5])).unwrap();
        let expected = [
            Count { used: 1, free_in: Duration::ZERO, admitted: true },
            Count { used: 5, free_in: Duration::from_millis(1500), admitted: false },
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn anything_else_is_no_answer() {
        for garbage in [
            json!(null),
            json!("OK"),
            json!({"used": 1}),
            json!([]),
            json!([1, 0]),
            json!([1, 0, 1, 1]),
            json!([1, 0, 1, 1, 0, 1]),
            json!([1, 0, "1"]),
            json!([1, 0, 2]),
            json!([1, 0, true]),
            json!([1.5, 0, 1]),
            json!([-1, 0, 1]),
            json!([1, -5, 1]),
            json!([4_294_967_296_u64, 0, 0]),
            // Refused although there is room, admitted beyond the limit, and a wait although the window is
            // not full.
            json!([1, 0, 0]),
            json!([4, 10, 1]),
            json!([1, 10, 1]),
        ] {
            assert_eq!(counts(&garbage, &windows(&[3])), None, "{garbage}");
        }
    }
}

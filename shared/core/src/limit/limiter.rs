//! Limits on requests from outside, counted across all processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::config::{Action, Limits};
use super::quota::Quota;
use crate::adapter::InProcessCounters;
use crate::model::{ClientAddress, Network};
use crate::port::{Clock, Count, Counters, Window};
use crate::{DeviceId, Email, Timestamp};

/// Subject of a limit: an action and the key by which it is counted.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Action, counted by client address.
    Address(Action, &'a ClientAddress),
    /// Action, counted by the e-mail address in the request.
    Email(Action, &'a Email),
    /// Action, counted by device.
    Device(Action, DeviceId),
}

impl Subject<'_> {
    /// Returns the limited action.
    pub const fn action(&self) -> Action {
        match self {
            Self::Address(action, _) | Self::Email(action, _) | Self::Device(action, _) => *action,
        }
    }

    /// Returns the windows that count it under `quota`: one for each network of an address, with the quota of that network.
    fn windows(&self, quota: Quota) -> Vec<Window> {
        let (kind, counted) = match self {
            Self::Address(_, address) => ("address", address.networks()),
            Self::Email(_, email) => ("email", vec![Network { key: email.to_string(), factor: 1 }]),
            Self::Device(_, device) => ("device", vec![Network { key: device.to_string(), factor: 1 }]),
        };
        let window = |Network { key, factor }: Network| Window {
            key: window_key(self.action(), kind, &key),
            limit: quota.times(factor).limit(),
            length: quota.length(),
        };
        counted.into_iter().map(window).collect()
    }
}

/// Returns the key of a window. It contains half a SHA-256 in place of the value, so that a store lists neither client
/// addresses nor e-mail addresses. A reader of the store can still check a guess.
fn window_key(action: Action, kind: &str, value: &str) -> String {
    let digest = Sha256::digest(value);
    let half = digest.first_chunk::<16>().map_or(&[][..], |half| half);
    format!("{action}:{kind}:{}", URL_SAFE_NO_PAD.encode(half))
}

/// Content of the `RateLimit-*` fields of a response (draft-ietf-httpapi-ratelimit-headers-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests that the window allows.
    pub limit: u32,
    /// Number of further requests that are allowed now.
    pub remaining: u32,
    /// Time in whole seconds. If none remain: until one more request is allowed. Otherwise: until the whole limit is available,
    /// if no request comes before.
    pub reset: Duration,
}

/// Permission for a request to proceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Rate of the window with the fewest remaining requests; `None` if nothing was counted.
    pub rate: Option<Rate>,
}

/// Refusal of a request that comes too soon: HTTP 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests ({action}): try again in {} s", retry_after.as_secs())]
pub struct RateLimitExceeded {
    /// Action of the limit that refuses for the longest time.
    pub action: Action,
    /// Number of requests that its window allows.
    pub limit: u32,
    /// Time until it allows one more, in whole seconds, at least one.
    pub retry_after: Duration,
}

impl RateLimitExceeded {
    pub(super) fn new(action: Action, limit: u32, wait: Duration) -> Self {
        Self { action, limit, retry_after: whole_seconds(wait) }
    }

    /// Returns the content of the `RateLimit-*` fields.
    pub const fn rate(&self) -> Rate {
        Rate { limit: self.limit, remaining: 0, reset: self.retry_after }
    }
}

/// Rounds up to whole seconds, at least one. A client that waits this long is not refused for the same reason again.
fn whole_seconds(wait: Duration) -> Duration {
    let started = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(started).max(1))
}

/// Counters for the time while the [`Counters`] fail. They must outlive requests to be useful: create one for the whole
/// process, even if ports are created for each request.
#[derive(Debug)]
pub struct Fallback {
    counters: InProcessCounters,
    failures: AtomicU64,
}

impl Fallback {
    /// Maximum number of keys at once: about 13 MB for the largest built-in credential window.
    pub const MAX_KEYS: usize = 8192;

    /// Returns empty counters.
    pub fn new() -> Self {
        Self { counters: InProcessCounters::new(Self::MAX_KEYS), failures: AtomicU64::new(0) }
    }

    /// Returns the number of times that it was used.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl Default for Fallback {
    fn default() -> Self {
        Self::new()
    }
}

/// Limiter that admits requests within the [`Limits`]. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    counters: Arc<dyn Counters>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    fallback: Arc<Fallback>,
}

impl Limiter {
    /// Returns a limiter over `counters`.
    pub fn new(
        counters: Arc<dyn Counters>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        fallback: Arc<Fallback>,
    ) -> Self {
        Self { counters, clock, limits, fallback }
    }

    /// Returns its limits; a [`SessionMeter`](super::SessionMeter) takes the same.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the number of times that the counters failed in this process.
    pub fn failures(&self) -> u64 {
        self.fallback.failures()
    }

    /// Counts one request for all of `subjects`, in one round trip, or refuses it and counts it for none.
    ///
    /// While the counters fail, credential actions are counted in process by the same quotas, and other actions proceed. A lost
    /// store therefore neither allows unlimited guesses nor stops the service.
    pub async fn admit(&self, subjects: &[Subject<'_>]) -> Result<Admission, RateLimitExceeded> {
        self.admit_at(subjects, self.clock.now()).await
    }

    /// Counts like [`admit`](Self::admit), at the time `now`.
    pub async fn admit_at(
        &self,
        subjects: &[Subject<'_>],
        now: Timestamp,
    ) -> Result<Admission, RateLimitExceeded> {
        let limited = self.windows(subjects);
        if limited.is_empty() {
            return Ok(Admission { rate: None });
        }
        let (actions, windows): (Vec<Action>, Vec<Window>) = limited.into_iter().unzip();
        match self.counters.hit(&windows, now).await {
            Ok(counts) if counts.len() == windows.len() => decide(&actions, &windows, &counts),
            Ok(counts) => {
                let why = format!("the store returned {} counts for {} windows", counts.len(), windows.len());
                self.fall_back(actions, windows, now, &why)
            }
            Err(error) => self.fall_back(actions, windows, now, &error.to_string()),
        }
    }

    /// Returns the windows of all subjects, without duplicates; none if limits are off.
    fn windows(&self, subjects: &[Subject<'_>]) -> Vec<(Action, Window)> {
        let mut windows: Vec<(Action, Window)> = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let Some(quota) = self.limits.quota(subject.action()) else { continue };
            for window in subject.windows(quota) {
                if !windows.iter().any(|(_, known)| known.key == window.key) {
                    windows.push((subject.action(), window));
                }
            }
        }
        windows
    }

    fn fall_back(
        &self,
        actions: Vec<Action>,
        windows: Vec<Window>,
        now: Timestamp,
        why: &str,
    ) -> Result<Admission, RateLimitExceeded> {
        let failures = self.fallback.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        tracing::warn!(why, failures, "the counters failed: credential routes are limited in process only");
        let (actions, windows): (Vec<Action>, Vec<Window>) =
            actions.into_iter().zip(windows).filter(|(action, _)| action.is_credential()).unzip();
        let counts = self.fallback.counters.count(&windows, now);
        decide(&actions, &windows, &counts)
    }
}

fn decide(actions: &[Action], windows: &[Window], counts: &[Count]) -> Result<Admission, RateLimitExceeded> {
    let all =
        || actions.iter().zip(windows).zip(counts).map(|((action, window), count)| (action, window, count));
    let refusing = all().filter(|(_, _, count)| !count.admitted).max_by_key(|(_, _, count)| count.free_in);
    if let Some((action, window, count)) = refusing {
        // Machines whose clocks differ share a store, so limit the wait to the length of the window.
        return Err(RateLimitExceeded::new(*action, window.limit, count.free_in.min(window.length)));
    }
    let rate = all().map(|(_, window, count)| rate(window, count)).min_by_key(|rate| rate.remaining);
    Ok(Admission { rate })
}

fn rate(window: &Window, count: &Count) -> Rate {
    let remaining = window.limit.saturating_sub(count.used);
    let reset = if remaining == 0 { count.free_in.min(window.length) } else { window.length };
    Rate { limit: window.limit, remaining, reset: whole_seconds(reset) }
}

#[cfg(test)]
mod tests;

//! The limits on who asks from outside, counted across all processes.

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

/// Who does what.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// An action, counted by the address it comes from.
    Address(Action, &'a ClientAddress),
    /// An action, counted by the e-mail address it is about.
    Email(Action, &'a Email),
    /// An action, counted by the device that it comes from.
    Device(Action, DeviceId),
}

impl Subject<'_> {
    /// What is limited.
    pub const fn action(&self) -> Action {
        match self {
            Self::Address(action, _) | Self::Email(action, _) | Self::Device(action, _) => *action,
        }
    }

    /// The windows that count it under `quota`: one for each network of an address, with the network's share.
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

/// The key of a window. Half a SHA-256 stands for the value, so that a store lists neither addresses nor e-mails; whoever can
/// read the store can still check a guess.
fn window_key(action: Action, kind: &str, value: &str) -> String {
    let digest = Sha256::digest(value);
    let half = digest.first_chunk::<16>().map_or(&[][..], |half| half);
    format!("{action}:{kind}:{}", URL_SAFE_NO_PAD.encode(half))
}

/// What the `RateLimit-*` fields of a response say (draft-ietf-httpapi-ratelimit-headers-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many the window takes.
    pub limit: u32,
    /// How many more fit now.
    pub remaining: u32,
    /// In whole seconds: when none remain, how long until one more fits; otherwise how long until the whole limit does, if
    /// nothing comes until then.
    pub reset: Duration,
}

/// The request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Of the window with the least left; `None` when nothing was counted.
    pub rate: Option<Rate>,
}

/// The request comes too soon: HTTP 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests ({action}): come again in {} s", retry_after.as_secs())]
pub struct RateLimitExceeded {
    /// The limit that lasts longest of those that refuse.
    pub action: Action,
    /// How many its window takes.
    pub limit: u32,
    /// How long until it takes one more, in whole seconds, at least one.
    pub retry_after: Duration,
}

impl RateLimitExceeded {
    pub(super) fn new(action: Action, limit: u32, wait: Duration) -> Self {
        Self { action, limit, retry_after: whole_seconds(wait) }
    }

    /// The same for the `RateLimit-*` fields.
    pub const fn rate(&self) -> Rate {
        Rate { limit: self.limit, remaining: 0, reset: self.retry_after }
    }
}

/// Rounded up, and at least one: who comes back after it is not refused for the same reason.
fn whole_seconds(wait: Duration) -> Duration {
    let started = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(started).max(1))
}

/// What counts while the [`Counters`] fail. It must outlive requests to be of use: one for the whole process, also where
/// ports are built for each request.
#[derive(Debug)]
pub struct Fallback {
    counters: InProcessCounters,
    failures: AtomicU64,
}

impl Fallback {
    /// How many keys it holds at once: about 13 MB of the largest credential window that is built
    /// in.
    pub const MAX_KEYS: usize = 8192;

    /// With nothing counted.
    pub fn new() -> Self {
        Self { counters: InProcessCounters::new(Self::MAX_KEYS), failures: AtomicU64::new(0) }
    }

    /// How often it was needed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl Default for Fallback {
    fn default() -> Self {
        Self::new()
    }
}

/// Admits requests within the [`Limits`]. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    counters: Arc<dyn Counters>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    fallback: Arc<Fallback>,
}

impl Limiter {
    /// A limiter over `counters`.
    pub fn new(
        counters: Arc<dyn Counters>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        fallback: Arc<Fallback>,
    ) -> Self {
        Self { counters, clock, limits, fallback }
    }

    /// What it admits by; a [`SessionMeter`](super::SessionMeter) takes the same.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How often the counters failed, in this process.
    pub fn failures(&self) -> u64 {
        self.fallback.failures()
    }

    /// Counts one request for all of `subjects`, in one round trip, or refuses it and counts it for none.
    ///
    /// When the counters fail, credential actions are counted in process, by the same quotas, and the others go on: a
    /// lost store neither opens the door to guessing nor shuts the service down.
    pub async fn admit(&self, subjects: &[Subject<'_>]) -> Result<Admission, RateLimitExceeded> {
        self.admit_at(subjects, self.clock.now()).await
    }

    /// Counts like [`admit`](Self::admit), as of `now`.
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
                let why = format!("the store answered {} counts for {} windows", counts.len(), windows.len());
                self.fall_back(actions, windows, now, &why)
            }
            Err(error) => self.fall_back(actions, windows, now, &error.to_string()),
        }
    }

    /// The windows of all subjects; none when limits are off, and each once for subjects that are the same.
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
        // Machines whose clocks differ share a store: none waits longer than a window is.
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

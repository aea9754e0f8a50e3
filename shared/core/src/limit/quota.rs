//! Quotas: a count and a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Maximum limit. A window stores a timestamp of each hit, so this bounds its size: 80 KB.
pub const MAX_LIMIT: u32 = 10_000;
/// Maximum length of a window, in seconds: 30 days.
pub const MAX_SECS: u64 = 30 * DAY;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Quota: at most `limit` hits in any stretch of `length`; written `3/15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    limit: u32,
    secs: u64,
}

/// Error: the text or the numbers are not a [`Quota`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a count of 1 to {MAX_LIMIT}, a slash, and a length of 1s to 30d in whole s, m, h or d, such as 3/15m"
)]
pub struct InvalidQuota;

impl Quota {
    /// Returns the quota of `limit`, from 1 to [`MAX_LIMIT`], in `length`, which is whole seconds from 1 to [`MAX_SECS`].
    pub const fn new(limit: u32, length: Duration) -> Result<Self, InvalidQuota> {
        let secs = length.as_secs();
        if limit == 0 || limit > MAX_LIMIT || secs == 0 || secs > MAX_SECS || length.subsec_nanos() != 0 {
            return Err(InvalidQuota);
        }
        Ok(Self { limit, secs })
    }

    /// Returns the quota of `limit` in `minutes`. Both must be within the bounds.
    pub(super) const fn per_minutes(limit: u32, minutes: u64) -> Self {
        Self { limit, secs: minutes * MINUTE }
    }

    /// Returns the quota of a group of `factor` clients, up to [`MAX_LIMIT`].
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self { limit: self.limit.saturating_mul(factor).min(MAX_LIMIT), ..self }
    }

    /// Returns the maximum number of hits.
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// Returns the length of the window.
    pub const fn length(self) -> Duration {
        Duration::from_secs(self.secs)
    }
}

impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, InvalidQuota> {
        let (limit, length) = text.split_once('/').ok_or(InvalidQuota)?;
        let (count, unit) = length.split_at_checked(length.len().saturating_sub(1)).ok_or(InvalidQuota)?;
        let unit = match unit {
            "s" => 1,
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => return Err(InvalidQuota),
        };
        let secs = number(count)?.checked_mul(unit).ok_or(InvalidQuota)?;
        let limit = u32::try_from(number(limit)?).map_err(|_| InvalidQuota)?;
        Self::new(limit, Duration::from_secs(secs))
    }
}

/// Accepts digits only: the integer parser of the standard library also accepts a sign.
fn number(text: &str) -> Result<u64, InvalidQuota> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| InvalidQuota)
    } else {
        Err(InvalidQuota)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')];
        let (size, unit) =
            units.into_iter().find(|(size, _)| self.secs.is_multiple_of(*size)).unwrap_or((1, 's'));
        write!(f, "{}/{}{unit}", self.limit, self.secs / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_unit_is_read() {
        for (text, secs) in
            [("5/10s", 10), ("5/15m", 900), ("5/2h", 7200), ("5/30d", 2_592_000), ("5/90s", 90)]
        {
            let quota: Quota = text.parse().unwrap();
            assert_eq!((quota.limit(), quota.length()), (5, Duration::from_secs(secs)), "{text}");
            assert_eq!(quota.to_string(), text);
        }
        assert_eq!("10000/60s".parse::<Quota>().unwrap().to_string(), "10000/1m");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "/",
            "5",
            "5/",
            "/1m",
            "5/m",
            "5/1",
            "5/1M",
            "5/1ms",
            "5/1 m",
            " 5/1m",
            "+5/1m",
            "5/+1m",
            "-5/1m",
            "5/1.5m",
            "0/1m",
            "10001/1m",
            "5/0s",
            "5/31d",
            "5/99999999999999999999d",
            "5/9999999999999999d",
            "5/1m/2",
            "5/1é",
            "5/é",
        ] {
            assert_eq!(text.parse::<Quota>(), Err(InvalidQuota), "{text:?}");
        }
        assert_eq!(Quota::new(1, Duration::from_millis(1500)), Err(InvalidQuota));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(limit in 1..=MAX_LIMIT, secs in 1..=MAX_SECS) {
            let quota = Quota::new(limit, Duration::from_secs(secs)).unwrap();
            prop_assert_eq!(quota.to_string().parse::<Quota>(), Ok(quota));
        }

        #[test]
        fn a_larger_quota_is_a_quota_and_never_smaller(limit in 1..=MAX_LIMIT, secs in 1..=MAX_SECS, factor in 1..=u32::MAX) {
            let quota = Quota::new(limit, Duration::from_secs(secs)).unwrap();
            let larger = quota.times(factor);
            prop_assert_eq!(Quota::new(larger.limit(), larger.length()), Ok(larger));
            prop_assert!(larger.limit() >= limit && larger.length() == quota.length());
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[0-9/smhd]*") {
            let _ = text.parse::<Quota>();
        }
    }
}

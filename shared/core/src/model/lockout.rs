use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Device, DeviceId, Timestamp};

/// How many wrong passwords in a row lock an account; each further number as large locks it again.
pub const FAILURES_PER_LOCK: u32 = 5;
/// How many wrong passwords in a row end with a reset: none is tried any more.
pub const MAX_FAILURES: u32 = 100;
/// How many wrong passwords in a row a device may send before it is treated like any other.
pub const MAX_DEVICE_FAILURES: u32 = 10;
/// How long the first lock lasts. Each further one lasts twice as long as the one before, up to [`LONGEST_LOCK`].
pub const FIRST_LOCK: Duration = Duration::from_mins(15);
/// How long a lock lasts at the most. With it, [`MAX_FAILURES`] can be reached in 13 days at the earliest.
pub const LONGEST_LOCK: Duration = Duration::from_hours(24);

/// The most devices whose wrong passwords are counted. While it is reached, a device that is not among them is treated like
/// any other: every count has its bound.
const MAX_DEVICES: usize = 16;

/// Wrong passwords in a row, and the locks that they lead to. Stored with the credential, so every change to it is a
/// compare-and-set: guesses made at once cannot exceed the count together. No count ends with time; a right password or an
/// unlock ends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    locked_until: Option<Timestamp>,
    /// Wrong passwords from devices that signed in to this account before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    devices: BTreeMap<DeviceId, DeviceFailures>,
}

/// Wrong passwords in a row from one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceFailures {
    failures: u32,
    /// When the device's cookie expires, and this count with it.
    expires_at: Timestamp,
}

/// A password that may be tried, and the count that it goes on when it is wrong. Only [`Lockout::admit`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess(CountedOn);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountedOn {
    Account,
    Device(Device),
}

impl Guess {
    /// Whether it is counted on a device of its own.
    pub const fn is_from_device(&self) -> bool {
        matches!(self.0, CountedOn::Device(_))
    }
}

/// Why no password is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// For a time.
    Locked,
    /// Until a reset or an unlock.
    Stopped,
}

impl Shut {
    /// Its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Stopped => "stopped",
        }
    }
}

impl Lockout {
    /// Decides, before the password is looked at, whether it may be tried. A `device` that signed in to this account before
    /// passes the lock and the stop, as long as its own count has room.
    pub fn admit(&self, device: Option<&Device>, now: Timestamp) -> Result<Guess, Shut> {
        match device.filter(|device| self.trusts(device, now)) {
            Some(device) => Ok(Guess(CountedOn::Device(*device))),
            None if self.failures >= MAX_FAILURES => Err(Shut::Stopped),
            None if self.remaining(now).is_some() => Err(Shut::Locked),
            None => Ok(Guess(CountedOn::Account)),
        }
    }

    /// Returns how long the account stays locked, when it is.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        // A lock is never longer than it was made, even when the clock jumped back after it was set.
        let remaining = self.locked_until?.since(now).min(lock_length(self.failures));
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Returns whether nothing stands against the account.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a wrong password. Says what it led to, when it led to a lock or to the stop.
    #[must_use]
    pub fn fail(&self, guess: Guess, now: Timestamp) -> (Self, Option<Shut>) {
        let mut next = self.without_expired(now);
        match guess.0 {
            CountedOn::Device(device) => {
                let failures = next.devices.get(&device.id()).map_or(0, |known| known.failures);
                let counted =
                    DeviceFailures { failures: failures.saturating_add(1), expires_at: device.expires_at() };
                next.devices.insert(device.id(), counted);
                (next, None)
            }
            CountedOn::Account => {
                next.failures = next.failures.saturating_add(1);
                next.locked_until = None;
                if next.failures >= MAX_FAILURES {
                    return (next, Some(Shut::Stopped));
                }
                if !next.failures.is_multiple_of(FAILURES_PER_LOCK) {
                    return (next, None);
                }
                next.locked_until = Some(now + lock_length(next.failures));
                (next, Some(Shut::Locked))
            }
        }
    }

    /// Ends the row: a right password came, from `device` where it is known. The rows of other devices stay.
    #[must_use]
    pub fn succeed(&self, device: Option<&Device>, now: Timestamp) -> Self {
        let mut devices = self.without_expired(now).devices;
        if let Some(device) = device {
            devices.remove(&device.id());
        }
        Self { devices, ..Self::default() }
    }

    fn trusts(&self, device: &Device, now: Timestamp) -> bool {
        match self.devices.get(&device.id()) {
            Some(known) => known.failures < MAX_DEVICE_FAILURES,
            None => self.without_expired(now).devices.len() < MAX_DEVICES,
        }
    }

    fn without_expired(&self, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.devices.retain(|_, known| known.expires_at > now);
        next
    }
}

/// The length of the lock that this many wrong passwords lead to.
fn lock_length(failures: u32) -> Duration {
    let doublings = (failures / FAILURES_PER_LOCK).saturating_sub(1);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_LOCK.saturating_mul(factor).min(LONGEST_LOCK)
}

#[cfg(test)]
mod tests;

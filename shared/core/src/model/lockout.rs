use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Device, DeviceId, Timestamp};

/// Number of consecutive wrong passwords that lock an account. The same number again locks it again.
pub const FAILURES_PER_LOCK: u32 = 5;
/// Number of consecutive wrong passwords after which no password is tried until a reset.
pub const MAX_FAILURES: u32 = 100;
/// Number of consecutive wrong passwords from a device until it is treated like any other.
pub const MAX_DEVICE_FAILURES: u32 = 10;
/// Length of the first lock. Each further lock lasts twice as long as the one before, up to [`LONGEST_LOCK`].
pub const FIRST_LOCK: Duration = Duration::from_mins(15);
/// Maximum length of a lock. With it, [`MAX_FAILURES`] is reached after 13 days at the earliest.
pub const LONGEST_LOCK: Duration = Duration::from_hours(24);

/// Maximum number of devices whose wrong passwords are counted, so that the record stays small. At the maximum, a device that
/// is not counted yet is treated like any other client.
const MAX_DEVICES: usize = 16;

/// Number of consecutive wrong passwords, and the resulting lock. Stored with the credential, so every change is a
/// compare-and-set and parallel guesses cannot exceed the count. The count does not expire; a right password or an unlock ends
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    locked_until: Option<Timestamp>,
    /// Counts for devices that signed in to this account before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    devices: BTreeMap<DeviceId, DeviceFailures>,
}

/// Number of consecutive wrong passwords from one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceFailures {
    failures: u32,
    /// Time at which the cookie of the device expires, and this count with it.
    expires_at: Timestamp,
}

/// Permission to try a password, with the count that a wrong one adds to. Only [`Lockout::admit`] creates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess(CountedOn);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountedOn {
    Account,
    Device(Device),
}

impl Guess {
    /// Returns true if it is counted for a device.
    pub const fn is_from_device(&self) -> bool {
        matches!(self.0, CountedOn::Device(_))
    }
}

/// Reason that no password is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// Locked for a time.
    Locked,
    /// Stopped until a reset or an unlock.
    Stopped,
}

impl Shut {
    /// Returns its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Stopped => "stopped",
        }
    }
}

impl Lockout {
    /// Decides if a password may be tried, before anything looks at the password. A `device` that signed in to this account
    /// before passes the lock and the stop while its own count has room.
    pub fn admit(&self, device: Option<&Device>, now: Timestamp) -> Result<Guess, Shut> {
        match device.filter(|device| self.trusts(device, now)) {
            Some(device) => Ok(Guess(CountedOn::Device(*device))),
            None if self.failures >= MAX_FAILURES => Err(Shut::Stopped),
            None if self.remaining(now).is_some() => Err(Shut::Locked),
            None => Ok(Guess(CountedOn::Account)),
        }
    }

    /// Returns the remaining time of the lock, if the account is locked.
    pub fn remaining(&self, now: Timestamp) -> Option<Duration> {
        // A lock never lasts longer than its length, even if the clock jumped back after it was set.
        let remaining = self.locked_until?.since(now).min(lock_length(self.failures));
        (!remaining.is_zero()).then_some(remaining)
    }

    /// Returns true if there is no count, no lock and no stop.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a wrong password. Also returns the lock or the stop that it caused, if any.
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

    /// Resets the count after a right password, and that of `device`. The counts of other devices stay.
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

/// Returns the length of the lock after this many wrong passwords.
fn lock_length(failures: u32) -> Duration {
    let doublings = (failures / FAILURES_PER_LOCK).saturating_sub(1);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_LOCK.saturating_mul(factor).min(LONGEST_LOCK)
}

#[cfg(test)]
mod tests;

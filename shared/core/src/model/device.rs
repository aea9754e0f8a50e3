use std::time::Duration;

use super::{DeviceId, Timestamp, User, UserId};

/// How long a browser is remembered after its last sign-in: as long as browsers keep a cookie (RFC 6265bis, section 5.5).
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(400 * 24);

/// A browser that signed in to an account before, as its cookie proves. It is no credential: it passes a lock that wrong
/// passwords of strangers led to, and its own wrong passwords are counted by themselves (OWASP, "Device Cookies").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub(crate) id: DeviceId,
    pub(crate) user: UserId,
    pub(crate) expires_at: Timestamp,
}

impl Device {
    /// Names the device. A copy of its cookie has the same name.
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// When the cookie that it came with expires.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns whether it signed in to the account of `user`, and not to an earlier account of the same address.
    pub fn is_of(&self, user: &User) -> bool {
        self.user == user.id
    }

    #[cfg(test)]
    pub(crate) const fn of(id: DeviceId, user: UserId, expires_at: Timestamp) -> Self {
        Self { id, user, expires_at }
    }
}

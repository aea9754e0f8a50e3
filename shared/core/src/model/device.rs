use std::time::Duration;

use super::{DeviceId, Timestamp, User, UserId};

/// Lifetime of the record of a browser after its last sign-in: as long as browsers store a cookie (RFC 6265bis, section 5.5).
pub const DEVICE_LIFETIME: Duration = Duration::from_hours(400 * 24);

/// Browser that signed in to an account before, as its cookie proves. It is not a credential. It passes a lock caused by wrong
/// passwords of strangers, and its own wrong passwords are counted separately (OWASP, "Device Cookies").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub(crate) id: DeviceId,
    pub(crate) user: UserId,
    pub(crate) expires_at: Timestamp,
}

impl Device {
    /// Returns the identifier of the device. A copy of its cookie has the same identifier.
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// Returns the time at which its cookie expires.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns true if it signed in to the account of `user`, and not to an earlier account of the same address.
    pub fn is_of(&self, user: &User) -> bool {
        self.user == user.id
    }

    #[cfg(test)]
    pub(crate) const fn of(id: DeviceId, user: UserId, expires_at: Timestamp) -> Self {
        Self { id, user, expires_at }
    }
}

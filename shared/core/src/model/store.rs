//! Vocabulary of the store: keys, items, versions and conditional writes.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Timestamp;

/// Maximum size of the body of an item, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Reason that a store gave no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached, timed out or asked to slow down. The same call may succeed later. A write may or may not
    /// have been applied.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store holds data that this version cannot read.
    #[error("the store holds an unreadable item at {at}: {why}")]
    Corrupt {
        /// Location: a key, or the name of a file or table.
        at: String,
        /// Fault, without the contents.
        why: String,
    },
    /// The call breaks a rule of the port, such as a size limit. This is a bug in the caller.
    #[error("the store refused the call: {0}")]
    Refused(String),
}

/// Key of an item. Both parts are compared byte by byte, so keys that differ in case are different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Partition. Items of one partition are stored together and listed in the order of `sort`.
    pub partition: String,
    /// Name of the item within its partition.
    pub sort: String,
}

impl Key {
    /// Returns the key of `sort` in `partition`.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// Returns the key used by health probes. It never exists and lies outside every user's partition, so roles with narrow
    /// read rights can probe it.
    pub fn probe() -> Self {
        Self::new("health", "health")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort)
    }
}

/// Version of an item when it was read. Every write changes it. An item that is deleted and created again has another version
/// than before, unless the clock jumped back in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Returns the version of an item created at `now`. It comes from the clock, so an item created again under an old key has
    /// another version.
    pub fn first(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_millis()).unwrap_or(1).max(1))
    }

    /// Returns the version after a write over this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Item as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Key of the item.
    pub key: Key,
    /// Body: JSON text.
    pub body: String,
    /// Version, for the condition of a later write.
    pub version: Version,
    /// Time at which it expires, if ever.
    pub expires_at: Option<Timestamp>,
}

impl Item {
    /// Decodes the body as a `T`. Returns [`StoreError::Corrupt`] if it is not one.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        // Decode from bytes, like all JSON in this crate: each kind of source would compile the whole reader once more.
        serde_json::from_slice(self.body.as_bytes())
            .map_err(|error| StoreError::Corrupt { at: self.key.to_string(), why: error.to_string() })
    }
}

/// Condition of a write on its item. An expired item counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The item does not exist.
    Absent,
    /// The item exists and has not changed since it was read at this version.
    Unchanged(Version),
}

/// One write of a commit. A commit may name each item once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces an item. There is no unconditional put, so no update is lost.
    Put {
        /// Key of the item.
        key: Key,
        /// Body: JSON text.
        body: String,
        /// Index key, if any: the item is listed under `partition` in the order of `sort`.
        index: Option<Key>,
        /// Time at which it expires.
        expires_at: Option<Timestamp>,
        /// Condition.
        condition: Condition,
    },
    /// Removes an item. Without a condition, a missing item is not an error.
    Delete {
        /// Key of the item.
        key: Key,
        /// Condition, if any.
        condition: Option<Version>,
    },
    /// Writes nothing, but the commit succeeds only if the condition holds.
    Check {
        /// Key of the item.
        key: Key,
        /// Condition.
        condition: Condition,
    },
}

impl Write {
    /// Returns a write that creates an item, which must not exist yet.
    pub fn create<T: Serialize>(key: Key, body: &T) -> Result<Self, StoreError> {
        Self::put(key, body, Condition::Absent)
    }

    /// Returns a write that replaces the item that was read at `version`.
    pub fn replace<T: Serialize>(key: Key, body: &T, version: Version) -> Result<Self, StoreError> {
        Self::put(key, body, Condition::Unchanged(version))
    }

    /// Returns a write that creates or replaces an item, depending on the condition.
    pub fn put<T: Serialize>(key: Key, body: &T, condition: Condition) -> Result<Self, StoreError> {
        let body = serde_json::to_string(body)
            .map_err(|error| StoreError::Refused(format!("{key} cannot be written: {error}")))?;
        Ok(Self::Put { key, body, index: None, expires_at: None, condition })
    }

    /// Sets the time at which the item of this put expires.
    #[must_use]
    pub fn expiring(mut self, at: Timestamp) -> Self {
        if let Self::Put { expires_at, .. } = &mut self {
            *expires_at = Some(at);
        }
        self
    }

    /// Sets the index key of the item of this put.
    #[must_use]
    pub fn indexed(mut self, place: Key) -> Self {
        if let Self::Put { index, .. } = &mut self {
            *index = Some(place);
        }
        self
    }

    /// Returns the key of its item.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }
}

//! Vocabulary of the store: keys, items, versions and conditional writes.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Timestamp;

/// The largest item body, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Why a store gave no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached, timed out or asked to slow down. The same call may succeed later; whether a write
    /// was applied is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store holds something this version cannot read.
    #[error("the store holds an unreadable item at {at}: {why}")]
    Corrupt {
        /// Where: a key, or the name of a file or table.
        at: String,
        /// What is wrong with it, without its contents.
        why: String,
    },
    /// The call breaks a rule of the port, such as its size limits: a mistake in the caller.
    #[error("the store refused the call: {0}")]
    Refused(String),
}

/// Where an item is. Both parts are compared byte by byte: two keys that differ in case are two items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Items of one partition are stored together and listed in the order of `sort`.
    pub partition: String,
    /// Names the item within its partition.
    pub sort: String,
}

impl Key {
    /// The key of `sort` in `partition`.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// What is read to see whether a table answers, and is never there. Under no partition of anybody's, so that who may read
    /// little may ask.
    pub fn probe() -> Self {
        Self::new("health", "health")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort)
    }
}

/// What an item's version was when it was read. It changes at every write, and an item that is deleted and made again later has
/// another one than before, unless the clock jumped back in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version of an item made at `now`: by the clock, so that an item made again under an old key has another one.
    pub fn first(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_millis()).unwrap_or(1).max(1))
    }

    /// The version that a write over this one gives.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// An item as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub key: Key,
    /// Its JSON text.
    pub body: String,
    /// For the condition of a later write.
    pub version: Version,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

impl Item {
    /// The body as a `T`; [`StoreError::Corrupt`] when it is not one.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        // From bytes, like all JSON here: each kind of source has the whole reader compiled for it.
        serde_json::from_slice(self.body.as_bytes())
            .map_err(|error| StoreError::Corrupt { at: self.key.to_string(), why: error.to_string() })
    }
}

/// What a write demands of the item it is about. An item whose time is over counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// There is no such item.
    Absent,
    /// The item is there, and unchanged since it was read at this version.
    Unchanged(Version),
}

/// One step of a commit. Each item may be named once in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Makes or replaces an item. There is no unconditional put, so no update is lost.
    Put {
        /// Where.
        key: Key,
        /// The JSON text.
        body: String,
        /// Its place in the secondary index, if it has one: listed under `partition` in the order of `sort`.
        index: Option<Key>,
        /// When it ends by itself.
        expires_at: Option<Timestamp>,
        /// What must hold.
        condition: Condition,
    },
    /// Removes an item. With no condition, removing what is not there is fine.
    Delete {
        /// Where.
        key: Key,
        /// What must hold, if anything.
        condition: Option<Version>,
    },
    /// Writes nothing, but the commit only happens if this holds.
    Check {
        /// Where.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
}

impl Write {
    /// Makes an item that must not be there yet.
    pub fn create<T: Serialize>(key: Key, body: &T) -> Result<Self, StoreError> {
        Self::put(key, body, Condition::Absent)
    }

    /// Replaces the item that was read at `version`.
    pub fn replace<T: Serialize>(key: Key, body: &T, version: Version) -> Result<Self, StoreError> {
        Self::put(key, body, Condition::Unchanged(version))
    }

    /// Makes or replaces an item, as the condition says.
    pub fn put<T: Serialize>(key: Key, body: &T, condition: Condition) -> Result<Self, StoreError> {
        let body = serde_json::to_string(body)
            .map_err(|error| StoreError::Refused(format!("{key} cannot be written: {error}")))?;
        Ok(Self::Put { key, body, index: None, expires_at: None, condition })
    }

    /// The same put, ending at `at`.
    #[must_use]
    pub fn expiring(mut self, at: Timestamp) -> Self {
        if let Self::Put { expires_at, .. } = &mut self {
            *expires_at = Some(at);
        }
        self
    }

    /// The same put, listed in the secondary index.
    #[must_use]
    pub fn indexed(mut self, place: Key) -> Self {
        if let Self::Put { index, .. } = &mut self {
            *index = Some(place);
        }
        self
    }

    /// The item it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }
}

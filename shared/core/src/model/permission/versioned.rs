//! Value together with the version under which it was read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::store::{Condition, Item, Key, StoreError, Version, Write};

/// Stored value as it was read, for a later compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Value; the default value if there is no item.
    pub value: T,
    /// Version of the item; `None` if there is no item.
    pub version: Option<Version>,
}

impl<T: Serialize + DeserializeOwned + Default> Versioned<T> {
    /// Decodes an item from [`Table::get`](crate::port::Table::get). Returns [`StoreError::Corrupt`] if it cannot be read.
    pub fn read(item: Option<&Item>) -> Result<Self, StoreError> {
        match item {
            Some(item) => Ok(Self { value: item.decode()?, version: Some(item.version) }),
            None => Ok(Self { value: T::default(), version: None }),
        }
    }

    /// Returns the write that puts `value` at `key` in place of the value that was read.
    pub(crate) fn replace_with(&self, key: Key, value: &T) -> Result<Write, StoreError> {
        match self.version {
            Some(version) => Write::replace(key, value, version),
            None => Write::create(key, value),
        }
    }

    /// Returns the write that changes nothing but demands that the item is still as it was read.
    pub(crate) fn check(&self, key: Key) -> Write {
        Write::Check { key, condition: self.version.map_or(Condition::Absent, Condition::Unchanged) }
    }
}

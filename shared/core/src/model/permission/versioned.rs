//! A value with the version under which it was read.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::store::{Condition, Item, Key, StoreError, Version, Write};

/// A stored value as it was read, for a later compare-and-set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value; the default one when there is no item.
    pub value: T,
    /// The item's version; `None` when there is no item.
    pub version: Option<Version>,
}

impl<T: Serialize + DeserializeOwned + Default> Versioned<T> {
    /// The value of an item of a [`Table::get`](crate::port::Table::get). [`StoreError::Corrupt`] when it cannot be read.
    pub fn read(item: Option<&Item>) -> Result<Self, StoreError> {
        match item {
            Some(item) => Ok(Self { value: item.decode()?, version: Some(item.version) }),
            None => Ok(Self { value: T::default(), version: None }),
        }
    }

    /// The write that puts `value` at `key` in the place of what was read.
    pub(crate) fn replace_with(&self, key: Key, value: &T) -> Result<Write, StoreError> {
        match self.version {
            Some(version) => Write::replace(key, value, version),
            None => Write::create(key, value),
        }
    }

    /// The write that leaves the item alone but demands that it is still as it was read.
    pub(crate) fn check(&self, key: Key) -> Write {
        Write::Check { key, condition: self.version.map_or(Condition::Absent, Condition::Unchanged) }
    }
}

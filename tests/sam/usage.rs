//! What a function asks of the table, written down while it works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, List, Page, Query, QueryError, Write};
use latchkey_core::port::{StoreError, Table};

/// One request to DynamoDB, as IAM sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Its action; a transaction is a use for each of its actions.
    pub action: &'static str,
    /// The partition keys in it.
    pub partitions: BTreeSet<String>,
    /// Whether it asks the index.
    pub index: bool,
}

impl Use {
    fn new(action: &'static str, partitions: impl IntoIterator<Item = String>) -> Self {
        Self { action, partitions: partitions.into_iter().collect(), index: false }
    }
}

/// A table that writes down how it is used.
pub struct WatchedTable {
    inner: Arc<dyn Table>,
    uses: Mutex<BTreeSet<Use>>,
}

impl WatchedTable {
    pub fn new(inner: Arc<dyn Table>) -> Self {
        Self { inner, uses: Mutex::default() }
    }

    /// Every use so far.
    pub fn uses(&self) -> BTreeSet<Use> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, usage: Use) {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(usage);
    }
}

#[async_trait]
impl Table for WatchedTable {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        let partitions = keys.iter().map(|key| key.partition.clone());
        let distinct: BTreeSet<&Key> = keys.iter().collect();
        let action = if distinct.len() == 1 { "dynamodb:GetItem" } else { "dynamodb:BatchGetItem" };
        self.note(Use::new(action, partitions));
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.note(match &query.list {
            List::Partition(partition) => Use::new("dynamodb:Query", [partition.clone()]),
            List::Index(list) => Use { index: true, ..Use::new("dynamodb:Query", [list.clone()]) },
        });
        self.inner.query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let action = |write: &Write| match write {
            Write::Put { .. } => "dynamodb:PutItem",
            Write::Delete { .. } => "dynamodb:DeleteItem",
            Write::Check { .. } => "dynamodb:ConditionCheckItem",
        };
        // For each action of a transaction its own partitions.
        let mut partitions: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for write in writes {
            partitions.entry(action(write)).or_default().insert(write.key().partition.clone());
        }
        for (action, partitions) in partitions {
            self.note(Use::new(action, partitions));
        }
        self.inner.commit(writes, now).await
    }
}

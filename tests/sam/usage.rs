//! What a function asks of the table, written down while it works.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, List, Page, Query, QueryError, Write};
use latchkey_core::port::{StoreError, Table};

/// One request to DynamoDB, as IAM sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Its actions; several for a transaction.
    pub actions: BTreeSet<&'static str>,
    /// The partition keys in it.
    pub partitions: BTreeSet<String>,
    /// Whether it asks the index.
    pub index: bool,
}

impl Use {
    fn new(actions: &[&'static str], partitions: impl IntoIterator<Item = String>) -> Self {
        let actions = actions.iter().copied().collect();
        Self { actions, partitions: partitions.into_iter().collect(), index: false }
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
        self.note(Use::new(&[action], partitions));
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.note(match &query.list {
            List::Partition(partition) => Use::new(&["dynamodb:Query"], [partition.clone()]),
            List::Index(list) => Use { index: true, ..Use::new(&["dynamodb:Query"], [list.clone()]) },
        });
        self.inner.query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let action = |write: &Write| match write {
            Write::Put { .. } => "dynamodb:PutItem",
            Write::Delete { .. } => "dynamodb:DeleteItem",
            Write::Check { .. } => "dynamodb:ConditionCheckItem",
        };
        let actions: Vec<_> = writes.iter().map(action).collect();
        self.note(Use::new(&actions, writes.iter().map(|write| write.key().partition.clone())));
        self.inner.commit(writes, now).await
    }
}

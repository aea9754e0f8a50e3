use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{
    CommitError, Condition, Cursor, Item, Key, List, Page, Query, QueryError, Version, Write, check_commit,
    check_get, check_query,
};
use latchkey_core::port::{StoreError, Table};

/// The `Table` port in its plainest form: what every adapter is compared with. Like a real store it keeps items whose time
/// is over.
#[derive(Debug, Default)]
pub struct ModelTable(Mutex<BTreeMap<Key, Stored>>);

#[derive(Debug, Clone)]
struct Stored {
    item: Item,
    index: Option<Key>,
}

/// Where an item stands in a list: its sort key there, then its own key.
type Place = (String, String, String);

impl ModelTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items it keeps, those included whose time is over.
    pub fn len(&self) -> usize {
        self.items().len()
    }

    /// Whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<Key, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Table for ModelTable {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        check_get(keys)?;
        let items = self.items();
        Ok(keys.iter().map(|key| live(&items, key, now).cloned()).collect())
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        check_query(query)?;
        let after = query.after.as_ref().map(open).transpose()?;
        let listed: BTreeMap<Place, Item> = self
            .items()
            .values()
            .filter(|stored| is_live(&stored.item, now))
            .filter_map(|stored| Some((place(stored, &query.list)?, stored.item.clone())))
            .filter(|((sort, ..), _)| query.from.as_ref().is_none_or(|from| sort >= from))
            .filter(|((sort, ..), _)| query.until.as_ref().is_none_or(|until| sort < until))
            .collect();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted: Vec<(&Place, &Item)> = if query.descending {
            listed.range((Bound::Unbounded, behind)).rev().collect()
        } else {
            listed.range((behind, Bound::Unbounded)).collect()
        };
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let next = if wanted.len() > limit {
            wanted.iter().take(limit).next_back().map(|(at, _)| seal(at))
        } else {
            None
        };
        let items = wanted.into_iter().take(limit).map(|(_, item)| item.clone()).collect();
        Ok(Page { items, next })
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        check_commit(writes)?;
        let mut items = self.items();
        let holds = |write: &Write| {
            condition(write).is_none_or(|wanted| match (wanted, live(&items, write.key(), now)) {
                (Condition::Absent, found) => found.is_none(),
                (Condition::Unchanged(version), found) => found.is_some_and(|item| item.version == version),
            })
        };
        if let Some(write) = writes.iter().position(|write| !holds(write)) {
            return Err(CommitError::Conflict { write });
        }
        for write in writes {
            match write {
                Write::Check { .. } => {}
                Write::Delete { key, .. } => {
                    items.remove(key);
                }
                Write::Put { key, body, index, expires_at, condition } => {
                    let version = match condition {
                        Condition::Absent => Version::first(now),
                        Condition::Unchanged(version) => version.next(),
                    };
                    let item =
                        Item { key: key.clone(), body: body.clone(), version, expires_at: *expires_at };
                    items.insert(key.clone(), Stored { item, index: index.clone() });
                }
            }
        }
        Ok(())
    }
}

fn condition(write: &Write) -> Option<Condition> {
    match write {
        Write::Put { condition, .. } | Write::Check { condition, .. } => Some(*condition),
        Write::Delete { condition, .. } => condition.map(Condition::Unchanged),
    }
}

fn is_live(item: &Item, now: Timestamp) -> bool {
    item.expires_at.is_none_or(|end| end > now)
}

fn live<'a>(items: &'a BTreeMap<Key, Stored>, key: &Key, now: Timestamp) -> Option<&'a Item> {
    items.get(key).map(|stored| &stored.item).filter(|item| is_live(item, now))
}

/// Where `stored` stands in `list`, if it is in it.
fn place(stored: &Stored, list: &List) -> Option<Place> {
    let key = &stored.item.key;
    let (at, partition) = match list {
        List::Partition(partition) => (key, partition),
        List::Index(partition) => (stored.index.as_ref()?, partition),
    };
    (at.partition == *partition).then(|| (at.sort.clone(), key.partition.clone(), key.sort.clone()))
}

fn seal((listed, partition, sort): &Place) -> Cursor {
    Cursor(serde_json::json!([listed, partition, sort]).to_string())
}

fn open(cursor: &Cursor) -> Result<Place, QueryError> {
    serde_json::from_str(&cursor.0).map_err(|_| QueryError::InvalidCursor)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    crate::table_conformance!((Arc::new(ModelTable::new()), ()));
}

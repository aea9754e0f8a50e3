//! The strong store: items by (partition, sort), conditional commits, expiry hidden on read.

use async_trait::async_trait;

use super::{StoreError, WriteFault};
use crate::Timestamp;
pub use crate::model::store::{Condition, Item, Key, MAX_BODY, Version, Write};

/// The most keys that one [`Table::get`] takes.
pub const MAX_GET: usize = 100;
/// The most writes that one [`Table::commit`] takes.
pub const MAX_COMMIT: usize = 100;
/// The longest partition or sort key, in bytes.
pub const MAX_KEY: usize = 1024;
/// The most items on one page.
pub const MAX_PAGE: u32 = 1000;

/// Why a commit did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A condition did not hold; nothing was written.
    #[error("the commit conflicts at its write {write}")]
    Conflict {
        /// The place in the commit, from 0, of the first write whose condition failed.
        write: usize,
    },
    /// No response: with [`StoreError::Unavailable`] the commit may have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which list a [`Query`] walks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// The items of a partition, by their sort key. Strong.
    Partition(String),
    /// The items that an index partition lists, by their index sort key. May lag behind a commit where the store's index
    /// does (DynamoDB), so nothing that must be true now is decided from it.
    Index(String),
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which list.
    pub list: List,
    /// The first sort key wanted, included.
    pub from: Option<String>,
    /// The first sort key not wanted any more.
    pub until: Option<String>,
    /// Walk from the highest sort key down.
    pub descending: bool,
    /// How many items at the most: 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl Query {
    /// All of `list`, in order, `limit` at a time.
    pub fn all(list: List, limit: u32) -> Self {
        Self { list, from: None, until: None, descending: false, limit, after: None }
    }

    /// The items of `partition` whose sort key starts with `prefix`.
    pub fn prefix(partition: impl Into<String>, prefix: &str, limit: u32) -> Self {
        let mut query = Self::all(List::Partition(partition.into()), limit);
        // No key holds U+10FFFF, so it stands after every key with the prefix.
        query.until = Some(format!("{prefix}\u{10FFFF}"));
        query.from = Some(prefix.to_owned());
        query
    }
}

/// Where a page ended: opaque, and only good for the same query. One that was tampered with can only move the place
/// within the same list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// Items in order, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Live items only. May be fewer than asked for while `next` is there.
    pub items: Vec<Item>,
    /// Present when there may be more.
    pub next: Option<Cursor>,
}

/// Why a query gave no page.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The cursor is not one that this query gave.
    #[error("the cursor is not valid for this list")]
    InvalidCursor,
    /// The store gave no response.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Strong storage of items.
///
/// Each call is one round trip. An item whose `expires_at` is at or before `now` is never returned and counts as absent in
/// conditions, whether or not the store has removed it yet.
///
/// # Example
///
/// The table that every adapter is compared with, in a map:
///
#[doc = concat!("```\n", include_str!("../../../../tests/kit/src/model.rs"), "\n```")]
#[async_trait]
pub trait Table: Send + Sync {
    /// The items under `keys`, in their order, each as of one moment. At most [`MAX_GET`] keys; a key may be repeated.
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError>;

    /// One page of a list.
    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError>;

    /// One page of each list, in the order of `queries`. Takes the time of one round trip: at once where the store answers one
    /// query at a time, in one batch where it takes several.
    async fn query_all(&self, queries: &[Query], now: Timestamp) -> Result<Vec<Page>, QueryError> {
        futures_util::future::try_join_all(queries.iter().map(|query| self.query(query, now))).await
    }

    /// All of `writes`, or none: at most [`MAX_COMMIT`], each about another item. A put that makes an item gives it
    /// [`Version::first`], one that replaces it [`Version::next`].
    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError>;

    /// Whether the store writes, for who watches the service. A store that others run says so by its own means, and many
    /// functions may not write: there this asks nothing, which is what it does unless an adapter knows better.
    async fn check_writes(&self, _now: Timestamp) -> Result<(), WriteFault> {
        Ok(())
    }
}

/// Checks a commit against the limits of the port; every adapter calls it first, so that all refuse the same.
pub fn check_commit(writes: &[Write]) -> Result<(), StoreError> {
    let refuse = |why: String| Err(StoreError::Refused(why));
    if writes.is_empty() || writes.len() > MAX_COMMIT {
        return refuse(format!("a commit takes 1 to {MAX_COMMIT} writes, not {}", writes.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for write in writes {
        let key = write.key();
        check_key(key)?;
        if !seen.insert(key) {
            return refuse(format!("a commit names {key} twice"));
        }
        if let Write::Put { body, index, .. } = write {
            if body.len() > MAX_BODY {
                return refuse(format!("{key} has a body of {} bytes; {MAX_BODY} are allowed", body.len()));
            }
            index.as_ref().map_or(Ok(()), check_key)?;
        }
    }
    Ok(())
}

/// Checks the keys of a get against the limits of the port.
pub fn check_get(keys: &[Key]) -> Result<(), StoreError> {
    if keys.len() > MAX_GET {
        return Err(StoreError::Refused(format!("a get takes at most {MAX_GET} keys, not {}", keys.len())));
    }
    keys.iter().try_for_each(check_key)
}

/// Checks the size of a page against the limits of the port.
pub fn check_query(query: &Query) -> Result<(), StoreError> {
    if query.limit == 0 || query.limit > MAX_PAGE {
        return Err(StoreError::Refused(format!("a page holds 1 to {MAX_PAGE} items, not {}", query.limit)));
    }
    Ok(())
}

fn check_key(key: &Key) -> Result<(), StoreError> {
    let bad = |part: &str| part.is_empty() || part.len() > MAX_KEY;
    if bad(&key.partition) || bad(&key.sort) {
        return Err(StoreError::Refused(format!("each part of a key has 1 to {MAX_KEY} bytes")));
    }
    Ok(())
}

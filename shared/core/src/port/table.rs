//! Strongly consistent store: items by (partition, sort), conditional commits, and expiry that reads enforce.

use async_trait::async_trait;

use super::{StoreError, WriteFault};
use crate::Timestamp;
pub use crate::model::store::{Condition, Item, Key, MAX_BODY, Version, Write};

/// Maximum number of keys in one [`Table::get`].
pub const MAX_GET: usize = 100;
/// Maximum number of writes in one [`Table::commit`].
pub const MAX_COMMIT: usize = 100;
/// Maximum length of a partition or sort key, in bytes.
pub const MAX_KEY: usize = 1024;
/// Maximum number of items on one page.
pub const MAX_PAGE: u32 = 1000;

/// Reason that a commit failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A condition did not hold; nothing was written.
    #[error("the commit conflicts at its write {write}")]
    Conflict {
        /// Index in the commit, from 0, of the first write whose condition failed.
        write: usize,
    },
    /// The store gave no response. With [`StoreError::Unavailable`] the commit may have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// List that a [`Query`] reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// The items of a partition, ordered by their sort key. Strongly consistent.
    Partition(String),
    /// The items of an index partition, ordered by their index sort key. May lag behind a commit where the store's index does
    /// (DynamoDB), so do not decide from it anything that must be true now.
    Index(String),
}

/// Request for one page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// List to read.
    pub list: List,
    /// First sort key of the range, included.
    pub from: Option<String>,
    /// End of the range: the first sort key that is excluded.
    pub until: Option<String>,
    /// True to read from the highest sort key down.
    pub descending: bool,
    /// Maximum number of items: 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// Cursor at the end of the previous page.
    pub after: Option<Cursor>,
}

impl Query {
    /// Returns a query for all of `list`, in order, `limit` items a page.
    pub fn all(list: List, limit: u32) -> Self {
        Self { list, from: None, until: None, descending: false, limit, after: None }
    }

    /// Returns a query for the items of `partition` whose sort key starts with `prefix`.
    pub fn prefix(partition: impl Into<String>, prefix: &str, limit: u32) -> Self {
        let mut query = Self::all(List::Partition(partition.into()), limit);
        // No key holds U+10FFFF, so this bound sorts after every key with the prefix.
        query.until = Some(format!("{prefix}\u{10FFFF}"));
        query.from = Some(prefix.to_owned());
        query
    }
}

/// End of a page: opaque, and valid only for the same query. A client that tampers with it can only move within the same list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// Items in order, with a cursor to the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Live items only. May be fewer than the limit even if there is a `next`.
    pub items: Vec<Item>,
    /// Cursor to the next page. Present if there may be more items.
    pub next: Option<Cursor>,
}

/// Reason that a query gave no page.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The cursor does not belong to this query.
    #[error("the cursor is not valid for this list")]
    InvalidCursor,
    /// The store gave no response.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Strongly consistent storage of items.
///
/// Each call is one round trip. An item whose `expires_at` is at or before `now` is never returned and counts as absent in
/// conditions, even if the store has not removed it yet.
///
/// # Example
///
/// Reference table in a map; tests compare every adapter with it:
///
#[doc = concat!("```\n", include_str!("../../../../tests/kit/src/model.rs"), "\n```")]
#[async_trait]
pub trait Table: Send + Sync {
    /// Returns the items under `keys`, in the order of `keys`, all as of one moment. At most [`MAX_GET`] keys; a key may be
    /// repeated.
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError>;

    /// Returns one page of a list.
    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError>;

    /// Returns one page of each list, in the order of `queries`. Takes the time of one round trip: queries run at the same
    /// time, or in one batch where the store supports it.
    async fn query_all(&self, queries: &[Query], now: Timestamp) -> Result<Vec<Page>, QueryError> {
        futures_util::future::try_join_all(queries.iter().map(|query| self.query(query, now))).await
    }

    /// Commits all of `writes` or none: at most [`MAX_COMMIT`], each for a different item. A put that creates an item gives it
    /// [`Version::first`]; a put that replaces an item gives it [`Version::next`].
    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError>;

    /// Checks that the store accepts writes, for monitoring. The default checks nothing: a managed store reports this by its
    /// own means, and many functions have no right to write.
    async fn check_writes(&self, _now: Timestamp) -> Result<(), WriteFault> {
        Ok(())
    }
}

/// Checks a commit against the limits of the port. Every adapter calls it first, so that all refuse the same commits.
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

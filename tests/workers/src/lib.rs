//! What a test on this machine asks the probe, a Worker over the real adapters, and what that answers. One call is one
//! request: so the rules of a port run here, and its adapter in workerd, each call in a request of its own.

use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::StoreError;
use latchkey_core::port::table::{Condition, Cursor, Item, Key, List, Page, Query, Version, Write};
use serde::{Deserialize, Serialize};

/// The header that carries a [`Call`] or an [`Answer`] as JSON, where the body is the fetched request's own.
pub const HEADER: &str = "x-probe";

/// A call of a port.
#[expect(missing_docs, reason = "fields are named as the port names them")]
#[derive(Debug, Serialize, Deserialize)]
pub enum Call {
    /// `Table::get`.
    Get { keys: Vec<KeyText>, now: i64 },
    /// `Table::query`.
    Query { query: QueryText, now: i64 },
    /// `Table::commit`.
    Commit { writes: Vec<WriteText>, now: i64 },
    /// `SqlTable::purge`.
    Purge { now: i64, limit: u32 },
    /// `Counters::hit`, on windows that each have a key, a limit and a length.
    Hit { windows: Vec<(String, u32, Duration)>, now: i64 },
    /// `Cache::get`.
    CacheGet { key: String, now: i64 },
    /// `Cache::put`.
    CachePut { key: String, value: String, lifetime: Duration, now: i64 },
    /// `Cache::delete`.
    CacheDelete { key: String },
    /// `Fetch::fetch`; the body is the call's own. Header values are bytes.
    Fetch { method: String, uri: String, headers: Vec<(String, Vec<u8>)>, deadline: Duration },
    /// `Clock::now`.
    Now,
    /// `Entropy::fill`.
    Fill { len: usize },
    /// `PasswordHasher::derive`.
    Derive { password: String, salt: [u8; 16], memory: u32, passes: u32, lanes: u32 },
    /// How large the Worker's memory has grown, in bytes.
    Memory,
    /// A panic.
    Panic,
}

/// What came of it.
#[expect(missing_docs, reason = "fields are named as the port names them")]
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Of a get.
    Items(Vec<Option<ItemText>>),
    /// Of a query: items, and where to go on.
    Page(Vec<ItemText>, Option<String>),
    /// Of a hit: what is used, how long until one more fits, and whether this one did.
    Counts(Vec<(u32, Duration, bool)>),
    /// Nothing but that it worked.
    Done,
    /// Of a cache's get.
    Value(Option<String>),
    /// Of a fetch; the body is the answer's own.
    Fetched { status: u16, headers: Vec<(String, Vec<u8>)> },
    /// Of the clock, in milliseconds.
    Time(i64),
    /// Of the generator or the hasher.
    Bytes(Vec<u8>),
    /// Of the memory.
    Size(usize),
    /// Of a purge: how many items it removed.
    Removed(u64),
    /// A commit's conflict.
    Conflict(usize),
    /// A query's cursor.
    InvalidCursor,
    /// The hasher's.
    Busy,
    /// A fetch's.
    Timeout,
    /// A fetch's.
    TooLarge,
    /// A store's: `Unavailable`.
    Unavailable(String),
    /// A store's: `Corrupt`.
    Corrupt(String, String),
    /// A store's: `Refused`.
    Refused(String),
    /// Any other failure.
    Failed(String),
}

/// A [`Key`].
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyText(pub String, pub String);

/// An [`Item`].
#[derive(Debug, Serialize, Deserialize)]
pub struct ItemText {
    key: KeyText,
    body: String,
    version: u64,
    expires_at: Option<i64>,
}

/// A [`Query`].
#[derive(Debug, Serialize, Deserialize)]
pub struct QueryText {
    list: String,
    index: bool,
    from: Option<String>,
    until: Option<String>,
    descending: bool,
    limit: u32,
    after: Option<String>,
}

/// A [`Write`]. A condition that is no version is absence.
#[derive(Debug, Serialize, Deserialize)]
pub enum WriteText {
    /// A put.
    Put {
        /// Where.
        key: KeyText,
        /// What.
        body: String,
        /// Its place in the index.
        index: Option<KeyText>,
        /// Its end.
        expires_at: Option<i64>,
        /// The version that it replaces.
        condition: Option<u64>,
    },
    /// A delete.
    Delete(KeyText, Option<u64>),
    /// A check.
    Check(KeyText, Option<u64>),
}

impl From<&Key> for KeyText {
    fn from(key: &Key) -> Self {
        Self(key.partition.clone(), key.sort.clone())
    }
}

impl From<KeyText> for Key {
    fn from(KeyText(partition, sort): KeyText) -> Self {
        Self { partition, sort }
    }
}

impl From<Item> for ItemText {
    fn from(item: Item) -> Self {
        let expires_at = item.expires_at.map(Timestamp::as_millis);
        Self { key: (&item.key).into(), body: item.body, version: item.version.0, expires_at }
    }
}

impl From<ItemText> for Item {
    fn from(item: ItemText) -> Self {
        Self {
            key: item.key.into(),
            body: item.body,
            version: Version(item.version),
            expires_at: item.expires_at.map(Timestamp::from_millis),
        }
    }
}

impl From<&Query> for QueryText {
    fn from(query: &Query) -> Self {
        let (list, index) = match &query.list {
            List::Partition(list) => (list.clone(), false),
            List::Index(list) => (list.clone(), true),
        };
        Self {
            list,
            index,
            from: query.from.clone(),
            until: query.until.clone(),
            descending: query.descending,
            limit: query.limit,
            after: query.after.as_ref().map(|cursor| cursor.0.clone()),
        }
    }
}

impl From<QueryText> for Query {
    fn from(query: QueryText) -> Self {
        Self {
            list: if query.index { List::Index(query.list) } else { List::Partition(query.list) },
            from: query.from,
            until: query.until,
            descending: query.descending,
            limit: query.limit,
            after: query.after.map(Cursor),
        }
    }
}

fn version(condition: Condition) -> Option<u64> {
    match condition {
        Condition::Absent => None,
        Condition::Unchanged(version) => Some(version.0),
    }
}

fn condition(version: Option<u64>) -> Condition {
    version.map_or(Condition::Absent, |version| Condition::Unchanged(Version(version)))
}

impl From<&Write> for WriteText {
    fn from(write: &Write) -> Self {
        match write {
            Write::Put { key, body, index, expires_at, condition } => Self::Put {
                key: key.into(),
                body: body.clone(),
                index: index.as_ref().map(Into::into),
                expires_at: expires_at.map(Timestamp::as_millis),
                condition: version(*condition),
            },
            Write::Delete { key, condition } => Self::Delete(key.into(), condition.map(|version| version.0)),
            Write::Check { key, condition } => Self::Check(key.into(), version(*condition)),
        }
    }
}

impl From<WriteText> for Write {
    fn from(write: WriteText) -> Self {
        match write {
            WriteText::Put { key, body, index, expires_at, condition: wanted } => Self::Put {
                key: key.into(),
                body,
                index: index.map(Into::into),
                expires_at: expires_at.map(Timestamp::from_millis),
                condition: condition(wanted),
            },
            WriteText::Delete(key, wanted) => {
                Self::Delete { key: key.into(), condition: wanted.map(Version) }
            }
            WriteText::Check(key, wanted) => Self::Check { key: key.into(), condition: condition(wanted) },
        }
    }
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(page.items.into_iter().map(Into::into).collect(), page.next.map(|cursor| cursor.0))
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Corrupt { at, why } => Self::Corrupt(at, why),
            StoreError::Refused(why) => Self::Refused(why),
        }
    }
}

impl From<Answer> for StoreError {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Unavailable(why) => Self::Unavailable(why),
            Answer::Corrupt(at, why) => Self::Corrupt { at, why },
            Answer::Refused(why) => Self::Refused(why),
            other => Self::Unavailable(format!("the probe answered {other:?}")),
        }
    }
}

//! In-memory ports for the tests of this module.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::Timestamp;
use crate::port::table::{
    CommitError, Condition, Item, Key, Page, Query, QueryError, Version, Write, check_commit, check_get,
};
use crate::port::{Cache, Clock, StoreError, Table};

/// Returns the fixed time of all these tests.
pub fn now() -> Timestamp {
    Timestamp::from_secs(1_767_225_600)
}

/// Runs a future over these ports, which never wait.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a port in memory waited"),
    }
}

pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

#[derive(Default)]
pub struct FakeTable {
    items: Mutex<BTreeMap<Key, Item>>,
    /// Commits of other writers. One of them runs before each commit here.
    pub rivals: Mutex<VecDeque<Vec<Write>>>,
    /// True to fail the next commit after it has written, like a lost response.
    pub lose_answer: Mutex<bool>,
    pub calls: Mutex<u32>,
}

impl FakeTable {
    pub fn item(&self, key: &Key) -> Option<Item> {
        self.items.lock().unwrap().get(key).cloned()
    }

    pub fn all(&self) -> Vec<Item> {
        self.items.lock().unwrap().values().cloned().collect()
    }

    fn apply(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        check_commit(writes)?;
        let mut items = self.items.lock().unwrap();
        for (write, step) in writes.iter().enumerate() {
            let version = items.get(step.key()).map(|item| item.version);
            let holds = match step {
                Write::Put { condition, .. } | Write::Check { condition, .. } => match condition {
                    Condition::Absent => version.is_none(),
                    Condition::Unchanged(read) => version == Some(*read),
                },
                Write::Delete { condition, .. } => condition.is_none() || version == *condition,
            };
            if !holds {
                return Err(CommitError::Conflict { write });
            }
        }
        for step in writes {
            match step {
                Write::Put { key, body, expires_at, .. } => {
                    let version = items.get(key).map_or(Version::first(now), |item| item.version.next());
                    let item =
                        Item { key: key.clone(), body: body.clone(), version, expires_at: *expires_at };
                    items.insert(key.clone(), item);
                }
                Write::Delete { key, .. } => drop(items.remove(key)),
                Write::Check { .. } => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Table for FakeTable {
    async fn get(&self, keys: &[Key], _now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        check_get(keys)?;
        *self.calls.lock().unwrap() += 1;
        Ok(keys.iter().map(|key| self.item(key)).collect())
    }

    async fn query(&self, _query: &Query, _now: Timestamp) -> Result<Page, QueryError> {
        Err(StoreError::Refused("these tests list nothing".to_owned()).into())
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        *self.calls.lock().unwrap() += 1;
        let rival = self.rivals.lock().unwrap().pop_front();
        if let Some(rival) = rival {
            self.apply(&rival, now).expect("the rival comes first");
        }
        self.apply(writes, now)?;
        if std::mem::take(&mut *self.lose_answer.lock().unwrap()) {
            return Err(StoreError::Unavailable("the response was lost".to_owned()).into());
        }
        Ok(())
    }
}

#[derive(Default)]
pub struct FakeCache {
    pub entries: Mutex<BTreeMap<String, (String, Timestamp)>>,
    pub down: Mutex<bool>,
}

impl FakeCache {
    fn reach(&self) -> Result<(), StoreError> {
        if *self.down.lock().unwrap() { Err(StoreError::Unavailable("down".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Cache for FakeCache {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        self.reach()?;
        let entries = self.entries.lock().unwrap();
        Ok(entries.get(key).filter(|(_, end)| now < *end).map(|(value, _)| value.clone()))
    }

    async fn put(
        &self,
        key: &str,
        value: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.reach()?;
        self.entries.lock().unwrap().insert(key.to_owned(), (value.to_owned(), now + lifetime));
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.reach()?;
        self.entries.lock().unwrap().remove(key);
        Ok(())
    }
}

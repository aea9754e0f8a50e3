use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{Count, Counters, StoreError, Table, Window};

/// How many round trips were made. Clones share one count, so that a table and counters can be counted together.
#[derive(Debug, Clone, Default)]
pub struct Trips(Arc<AtomicU64>);

impl Trips {
    /// Round trips since the start or the last [`take`](Self::take).
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// The count, which starts again from zero.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A table that counts its calls.
pub struct CountingTable {
    inner: Arc<dyn Table>,
    trips: Trips,
}

impl CountingTable {
    /// `inner`, counted in `trips`.
    pub fn new(inner: Arc<dyn Table>, trips: Trips) -> Self {
        Self { inner, trips }
    }
}

#[async_trait]
impl Table for CountingTable {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        self.trips.add();
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.trips.add();
        self.inner.query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        self.trips.add();
        self.inner.commit(writes, now).await
    }
}

/// Counters that count their calls.
pub struct CountingCounters {
    inner: Arc<dyn Counters>,
    trips: Trips,
}

impl CountingCounters {
    /// `inner`, counted in `trips`.
    pub fn new(inner: Arc<dyn Counters>, trips: Trips) -> Self {
        Self { inner, trips }
    }
}

#[async_trait]
impl Counters for CountingCounters {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.trips.add();
        self.inner.hit(windows, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelTable;

    struct NoCounters;

    #[async_trait]
    impl Counters for NoCounters {
        async fn hit(&self, _: &[Window], _: Timestamp) -> Result<Vec<Count>, StoreError> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn every_call_is_one_round_trip_and_reaches_the_store() {
        let now = Timestamp::from_secs(1);
        let trips = Trips::default();
        let table = CountingTable::new(Arc::new(ModelTable::new()), trips.clone());
        let counters = CountingCounters::new(Arc::new(NoCounters), trips.clone());
        let key = Key::new("p", "s");
        table.commit(&[Write::create(key.clone(), &1).unwrap()], now).await.unwrap();
        assert_eq!(table.get(&[key.clone(), key], now).await.unwrap().len(), 2);
        assert_eq!(table.query(&Query::prefix("p", "s", 1), now).await.unwrap().items.len(), 1);
        assert_eq!(counters.hit(&[], now).await.unwrap(), []);
        assert_eq!((trips.count(), trips.take(), trips.count()), (4, 4, 0));
    }
}

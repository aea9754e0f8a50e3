use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{Count, Counters, StoreError, Table, Window};

/// How many round trips were made, where what is under way at the same time counts once. Clones share one count, so that a table
/// and counters can be counted together.
#[derive(Debug, Clone, Default)]
pub struct Trips(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    in_flight: u32,
}

/// A call that is under way, also when its caller gives up.
pub(crate) struct Trip(Trips);

impl Drop for Trip {
    fn drop(&mut self) {
        self.0.inner().in_flight -= 1;
    }
}

impl Trips {
    /// Round trips since the start or the last [`take`](Self::take).
    pub fn count(&self) -> u64 {
        self.inner().count
    }

    /// The count, which starts again from zero.
    pub fn take(&self) -> u64 {
        std::mem::take(&mut self.inner().count)
    }

    /// One that takes no time.
    pub(crate) fn add(&self) {
        self.inner().count += 1;
    }

    pub(crate) async fn begin(&self) -> Trip {
        {
            let mut inner = self.inner();
            inner.count += u64::from(inner.in_flight == 0);
            inner.in_flight += 1;
        }
        let trip = Trip(self.clone());
        // Whatever is asked at the same time comes in before the first answer goes out.
        tokio::task::yield_now().await;
        trip
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let _trip = self.trips.begin().await;
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        let _trip = self.trips.begin().await;
        self.inner.query(query, now).await
    }

    async fn query_all(&self, queries: &[Query], now: Timestamp) -> Result<Vec<Page>, QueryError> {
        self.trips.add();
        self.inner.query_all(queries, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let _trip = self.trips.begin().await;
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
        let _trip = self.trips.begin().await;
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
        let both = [Query::prefix("p", "s", 1), Query::prefix("p", "t", 1)];
        let pages = table.query_all(&both, now).await.unwrap();
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(counters.hit(&[], now).await.unwrap(), []);
        assert_eq!((trips.count(), trips.take(), trips.count()), (5, 5, 0));
    }
}

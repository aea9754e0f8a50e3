use std::sync::Arc;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{Count, Counters, StoreError, Table, Window};

use crate::fault::{Call, Fate, Faults, unavailable};

/// A table that fails when told.
pub struct FailingTable {
    inner: Arc<dyn Table>,
    /// What it has been told.
    pub faults: Faults,
}

impl FailingTable {
    /// `inner`, without faults so far.
    pub fn new(inner: Arc<dyn Table>) -> Self {
        Self { inner, faults: Faults::default() }
    }
}

/// Makes `$call` as the faults will have it; `$call` is only evaluated where it reaches the store.
macro_rules! under_faults {
    ($faults:expr, $kind:expr, $call:expr) => {
        match $faults.fate($kind) {
            Fate::Passes => $call,
            Fate::FailsBefore => Err(unavailable().into()),
            Fate::FailsAfter => {
                // Whatever the answer was, it is lost.
                let _ = $call;
                Err(unavailable().into())
            }
        }
    };
}

#[async_trait]
impl Table for FailingTable {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        under_faults!(self.faults, Call::Get, self.inner.get(keys, now).await)
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        under_faults!(self.faults, Call::Query, self.inner.query(query, now).await)
    }

    async fn query_all(&self, queries: &[Query], now: Timestamp) -> Result<Vec<Page>, QueryError> {
        under_faults!(self.faults, Call::Query, self.inner.query_all(queries, now).await)
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        under_faults!(self.faults, Call::Commit, self.inner.commit(writes, now).await)
    }
}

/// Counters that fail when told.
pub struct FailingCounters {
    inner: Arc<dyn Counters>,
    /// What they have been told.
    pub faults: Faults,
}

impl FailingCounters {
    /// `inner`, without faults so far.
    pub fn new(inner: Arc<dyn Counters>) -> Self {
        Self { inner, faults: Faults::default() }
    }
}

#[async_trait]
impl Counters for FailingCounters {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        under_faults!(self.faults, Call::Hit, self.inner.hit(windows, now).await)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::{Fault, ModelTable};

    const NOW: Timestamp = Timestamp::from_secs(1);

    fn create(sort: &str) -> [Write; 1] {
        [Write::create(Key::new("p", sort), &1).unwrap()]
    }

    fn is_unavailable<T>(answer: Result<T, impl Into<CommitError>>) -> bool {
        matches!(answer.map_err(Into::into), Err(CommitError::Store(StoreError::Unavailable(_))))
    }

    #[tokio::test]
    async fn a_call_that_fails_before_leaves_nothing_and_a_lost_answer_leaves_the_writes() {
        let model = Arc::new(ModelTable::new());
        let table = FailingTable::new(model.clone());
        table.faults.add(Fault::unavailable().times(1));
        table.faults.add(Fault::answer_lost().times(1));
        assert!(is_unavailable(table.commit(&create("a"), NOW).await));
        assert!(is_unavailable(table.commit(&create("b"), NOW).await));
        table.commit(&create("c"), NOW).await.unwrap();
        let found = model.get(&["a", "b", "c"].map(|sort| Key::new("p", sort)), NOW).await.unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
    }

    #[tokio::test]
    async fn each_kind_of_call_fails_by_itself() {
        let table = FailingTable::new(Arc::new(ModelTable::new()));
        let query = Query::prefix("p", "", 1);
        for call in [Call::Get, Call::Query, Call::Commit] {
            table.faults.clear();
            table.faults.add(Fault::unavailable().on(call));
            assert_eq!(table.get(&[], NOW).await.is_err(), call == Call::Get);
            assert_eq!(
                matches!(table.query(&query, NOW).await, Err(QueryError::Store(StoreError::Unavailable(_)))),
                call == Call::Query
            );
            let delete = [Write::Delete { key: Key::new("p", "a"), condition: None }];
            assert_eq!(is_unavailable(table.commit(&delete, NOW).await), call == Call::Commit);
        }
    }

    #[derive(Default)]
    struct OneCounter(AtomicUsize);

    #[async_trait]
    impl Counters for OneCounter {
        async fn hit(&self, _: &[Window], _: Timestamp) -> Result<Vec<Count>, StoreError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(vec![Count { used: 1, free_in: Duration::ZERO, admitted: true }])
        }
    }

    #[tokio::test]
    async fn counters_fail_before_or_after_the_hit() {
        let inner = Arc::new(OneCounter::default());
        let counters = FailingCounters::new(inner.clone());
        counters.faults.add(Fault::unavailable().times(1));
        counters.faults.add(Fault::answer_lost().times(1));
        assert!(is_unavailable(counters.hit(&[], NOW).await));
        assert_eq!(inner.0.load(Ordering::SeqCst), 0);
        assert!(is_unavailable(counters.hit(&[], NOW).await));
        assert_eq!(inner.0.load(Ordering::SeqCst), 1);
        assert_eq!(counters.hit(&[], NOW).await.unwrap().len(), 1);
    }
}

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{
    CommitError, Item, Key, Page, Query, QueryError, Version, Write, check_commit, check_get, check_query,
};
use latchkey_core::port::{StoreError, Table, WriteFault};

use crate::{Access, Driver, DriverError, Row, Statement, page, statement};

/// The `Table` port over a [`Driver`] whose database has the schema of [`MIGRATIONS`](crate::MIGRATIONS).
#[derive(Debug)]
pub struct SqlTable<D> {
    driver: D,
}

impl<D: Driver> SqlTable<D> {
    /// Creates the table in the database of `driver`.
    pub fn new(driver: D) -> Self {
        Self { driver }
    }

    /// Returns the driver, for its own features.
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Removes up to `limit` items that expired at or before `now`, and returns their number. It only frees
    /// their space.
    pub async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let outcomes = self.driver.run(Access::Write, vec![statement::purge(now, limit)]).await?;
        Ok(outcomes.iter().map(|outcome| outcome.changed).sum())
    }
}

#[async_trait]
impl<D: Driver> Table for SqlTable<D> {
    async fn check_writes(&self, now: Timestamp) -> Result<(), WriteFault> {
        self.driver.check_writes(now).await
    }

    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        check_get(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // One statement for each key instead of one for all: a single text that stays prepared, and no limit
        // on the number of values that a statement binds (D1: 100).
        let batch: Vec<Statement> = keys.iter().map(|key| statement::get(key, now)).collect();
        let outcomes = self.driver.run(Access::Read, batch).await?;
        outcomes.into_iter().map(|outcome| outcome.rows.into_iter().next().map(item).transpose()).collect()
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        let [page] = <[Page; 1]>::try_from(self.query_all(std::slice::from_ref(query), now).await?)
            .map_err(|pages| StoreError::Refused(format!("one query gave {} pages", pages.len())))?;
        Ok(page)
    }

    async fn query_all(&self, queries: &[Query], now: Timestamp) -> Result<Vec<Page>, QueryError> {
        queries.iter().try_for_each(check_query)?;
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let batch = queries.iter().map(|query| page::select(query, now)).collect::<Result<_, _>>()?;
        let outcomes = self.driver.run(Access::Read, batch).await.map_err(StoreError::from)?;
        queries.iter().zip(outcomes).map(|(query, outcome)| page(query, outcome.rows)).collect()
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        check_commit(writes)?;
        match self.driver.run(Access::Write, statement::commit(writes, now)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match failed_write(&error) {
                Some(write) => CommitError::Conflict { write },
                None => CommitError::Store(error.into()),
            }),
        }
    }
}

/// Returns the page of `query` from its rows and the additional one.
fn page(query: &Query, mut rows: Vec<Row>) -> Result<Page, QueryError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(|row| page::cursor(&query.list, row)) } else { None };
    let items = rows.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

/// Returns the position of the failed guard.
fn failed_write(error: &DriverError) -> Option<usize> {
    match error {
        DriverError::Check(name) => name.strip_prefix("write_")?.parse().ok(),
        _ => None,
    }
}

pub(crate) fn item(row: Row) -> Result<Item, StoreError> {
    let key = Key { partition: row.partition, sort: row.sort };
    let Ok(version) = u64::try_from(row.version) else {
        return Err(StoreError::Corrupt { at: key.to_string(), why: "its version is negative".to_owned() });
    };
    let expires_at = row.expires_at.map(Timestamp::from_millis);
    Ok(Item { key, body: row.body, version: Version(version), expires_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guard_is_a_conflict() {
        assert_eq!(failed_write(&DriverError::Check("write_0".into())), Some(0));
        assert_eq!(failed_write(&DriverError::Check("write_99".into())), Some(99));
        assert_eq!(failed_write(&DriverError::Check("write_unknown".into())), None);
        assert_eq!(failed_write(&DriverError::Check("index_place_is_whole".into())), None);
        assert_eq!(failed_write(&DriverError::Unavailable("write_1".into())), None);
    }

    #[test]
    fn a_negative_version_is_corrupt() {
        let row = Row {
            partition: "p".into(),
            sort: "s".into(),
            body: "1".into(),
            version: -1,
            expires_at: None,
            index_sort: None,
        };
        assert!(matches!(item(row), Err(StoreError::Corrupt { at, .. }) if at == "p/s"));
    }
}

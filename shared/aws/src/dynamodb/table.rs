use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{
    CommitError, Item, Key, Page, Query, QueryError, Write, check_commit, check_get, check_query,
};
use latchkey_core::port::{StoreError, Table};

use super::error::store_error;
use super::item::{Attributes, is_live, primary, read, write};
use super::{query, replace, transaction};

/// Default time limit of a call, for all its attempts together.
const DEADLINE: Duration = Duration::from_secs(5);
/// Maximum number of requests for one get, because a response holds at most 16 MB.
const MAX_ROUNDS: usize = 8;

/// The `Table` port on a table of DynamoDB with the schema of [`create_table`](super::create_table).
#[derive(Clone)]
pub struct DynamoTable {
    client: Client,
    table: String,
    deadline: Duration,
}

impl fmt::Debug for DynamoTable {
    // The client may print its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoTable").field("table", &self.table).finish_non_exhaustive()
    }
}

impl DynamoTable {
    /// Creates a port on the table of this name. The client should come from [`client`](super::client), which
    /// has the retries that this table relies on.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, deadline: DEADLINE }
    }

    /// Sets the time limit of a call, for all its attempts together.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Returns the result of `call`, or an error after the time limit.
    async fn in_time<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let late =
            || StoreError::Unavailable(format!("DynamoDB did not respond within {:?}", self.deadline)).into();
        tokio::time::timeout(self.deadline, call).await.unwrap_or_else(|_| Err(late()))
    }

    async fn get_one(&self, key: &Key) -> Result<Vec<Attributes>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(primary(key)));
        let answer = request.consistent_read(true).send().await;
        let answer = answer.map_err(|error| store_error(&error, &self.table))?;
        Ok(answer.item.into_iter().collect())
    }

    /// Reads each item at its own moment, not all at the same one. The port needs no more, and
    /// `TransactGetItems` would cost twice as much and fail beside a write.
    async fn get_many(&self, keys: &BTreeSet<&Key>) -> Result<Vec<Attributes>, StoreError> {
        let mut wanted: Vec<Attributes> = keys.iter().copied().map(primary).collect();
        let mut found = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let asked = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let asked = asked.map_err(|error| StoreError::Refused(error.to_string()))?;
            let answer = self.client.batch_get_item().request_items(&self.table, asked).send().await;
            let answer = answer.map_err(|error| store_error(&error, &self.table))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let rest = answer.unprocessed_keys.unwrap_or_default().into_values();
            wanted = rest.flat_map(|rest| rest.keys).collect();
            if wanted.is_empty() {
                return Ok(found);
            }
        }
        Err(StoreError::Unavailable(format!("DynamoDB left keys of {} unread each time", self.table)))
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        check_get(keys)?;
        let distinct: BTreeSet<&Key> = keys.iter().collect();
        let found = self.in_time(async {
            match keys {
                [] => Ok(Vec::new()),
                [key, ..] if distinct.len() == 1 => self.get_one(key).await,
                _ => self.get_many(&distinct).await,
            }
        });
        let mut items = HashMap::new();
        for attributes in found.await? {
            let item = read(&attributes)?;
            if is_live(&item, now) {
                items.insert(item.key.clone(), item);
            }
        }
        Ok(keys.iter().map(|key| items.get(key).cloned()).collect())
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        check_query(query)?;
        self.in_time(query::query(&self.client, &self.table, query, now)).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        check_commit(writes)?;
        if let [Write::Put { key, body, index, expires_at, condition }] = writes
            && let Some(version) = replace::version(*condition)
        {
            let item = write(key, body, index.as_ref(), *expires_at, (*condition, now));
            return self.in_time(replace::replace(&self.client, &self.table, item, (version, now))).await;
        }
        self.in_time(transaction::commit(&self.client, &self.table, writes, now)).await
    }
}

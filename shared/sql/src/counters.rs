use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::adapter::TableCounters;
use latchkey_core::adapter::window::{self, SlidingLog};
use latchkey_core::port::table::{Key, Version};
use latchkey_core::port::{Count, Counters, StoreError, Window};

use crate::statement::{self, number, text, time};
use crate::{Access, Driver, Statement, Value, table};

/// Maximum number of windows in one hit. Each takes three of the 100 values that D1 binds to a statement.
const MAX_WINDOWS: usize = 32;

/// Limit of times and lengths in milliseconds, about 70,000 years, so that no sum of them overflows.
const MAX_MILLIS: i64 = 1 << 51;

/// [`Counters`] over a [`Driver`]: one batch reads and writes the items of [`TableCounters`].
///
/// A hit is one round trip, refused or not, and no hit overtakes another, because the database runs one batch
/// after the other. Results and stored items are the same as with [`TableCounters`], so both may count side
/// by side.
#[derive(Debug)]
pub struct SqlCounters<D> {
    driver: D,
}

impl<D: Driver> SqlCounters<D> {
    /// Creates counters in the database of `driver`.
    pub fn new(driver: D) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl<D: Driver> Counters for SqlCounters<D> {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        window::check(windows)?;
        if windows.is_empty() {
            let probe = vec![statement::get(&Key::probe(), now)];
            self.driver.run(Access::Read, probe).await?;
            return Ok(Vec::new());
        }
        if windows.len() > MAX_WINDOWS {
            let why = format!("a hit on {} windows; {MAX_WINDOWS} fit", windows.len());
            return Err(StoreError::Refused(why));
        }
        let keys: Vec<Key> = windows.iter().map(|window| TableCounters::key(&window.key)).collect();
        let mut batch: Vec<Statement> = keys.iter().map(|key| statement::get(key, now)).collect();
        batch.push(count(&keys, windows, now));
        let outcomes = self.driver.run(Access::Write, batch).await?;
        // The logs are those before the hit. The effect of the statement follows from them.
        let mut logs = windows
            .iter()
            .zip(outcomes)
            .map(|(_, outcome)| match outcome.rows.into_iter().next() {
                Some(row) => table::item(row)?.decode(),
                None => Ok(SlidingLog::default()),
            })
            .collect::<Result<Vec<SlidingLog>, StoreError>>()?;
        let room: Vec<Count> = logs.iter().zip(windows).map(|(log, window)| log.peek(window, now)).collect();
        if !room.iter().all(|count| count.admitted) {
            return Ok(room);
        }
        Ok(logs.iter_mut().zip(windows).map(|(log, window)| log.hit(window, now)).collect())
    }
}

/// Adds a hit to every log, or changes nothing if a log is full or malformed: [`SlidingLog::hit`] in SQL.
///
/// The numbers are cast because D1 binds every number as a float, and a log holds integers.
pub(crate) fn count(keys: &[Key], windows: &[Window], now: Timestamp) -> Statement {
    const NUMBERS: &str = "CAST(?1 AS INTEGER), CAST(?2 AS INTEGER), CAST(?3 AS INTEGER)";
    // Materialized, because SQLite, for example workerd's, may otherwise compute the latest hit once for
    // every hit of the log.
    const REST: &str = "log AS MATERIALIZED (SELECT asked.partition, asked.most, asked.length, item.body, item.version, \
         max(clock.now, coalesce((SELECT max(value) FROM json_each(item.body)), clock.now)) AS moment \
         FROM clock, asked LEFT JOIN item ON item.partition = asked.partition AND item.sort = 'hits' \
         AND (item.expires_at IS NULL OR item.expires_at > clock.now)), \
         kept AS MATERIALIZED (SELECT *, (SELECT json_group_array(value) FROM json_each(body) \
         WHERE value > moment - length) AS hits FROM log) \
         INSERT INTO item (partition, sort, body, version, expires_at) \
         SELECT partition, 'hits', json_insert(hits, '$[#]', moment), coalesce(version + 1, clock.first), \
         moment + length + clock.slack FROM clock, kept WHERE NOT EXISTS (SELECT 1 FROM kept \
         WHERE json_array_length(hits) >= most OR typeof(moment) <> 'integer' OR json_type(body) <> 'array') \
         ON CONFLICT (partition, sort) DO UPDATE SET \
         body = excluded.body, version = excluded.version, expires_at = excluded.expires_at";

    let moment = Timestamp::from_millis(now.as_millis().clamp(-MAX_MILLIS, MAX_MILLIS));
    let mut params = vec![time(moment), number(Version::first(now)), millis(TableCounters::SLACK)];
    let mut asked = Vec::with_capacity(keys.len());
    for (key, window) in keys.iter().zip(windows) {
        let at = params.len();
        asked.push(format!("(?{}, CAST(?{} AS INTEGER), CAST(?{} AS INTEGER))", at + 1, at + 2, at + 3));
        params.extend([text(&key.partition), Value::Integer(window.limit.into()), millis(window.length)]);
    }
    let asked = asked.join(", ");
    let sql = format!(
        "WITH clock (now, first, slack) AS (VALUES ({NUMBERS})), \
         asked (partition, most, length) AS (VALUES {asked}), {REST}"
    );
    Statement { sql: Cow::Owned(sql), params }
}

fn millis(length: Duration) -> Value {
    Value::Integer(i64::try_from(length.as_millis()).unwrap_or(MAX_MILLIS).min(MAX_MILLIS))
}

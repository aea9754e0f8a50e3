use std::borrow::Cow;
use std::fmt;

use latchkey_core::Timestamp;
use latchkey_core::port::table::{Condition, Key, Version, Write};

/// A value bound to a statement.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A text, which may contain any character.
    Text(String),
}

/// An SQL statement with its values. Its parameters are numbered from `?1`, and every number is bound.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    /// SQL text. It contains no data, so there are few different texts, and a driver may keep them prepared.
    pub sql: Cow<'static, str>,
    /// Bound values, `?1` first.
    pub params: Vec<Value>,
}

impl fmt::Debug for Statement {
    // The values are keys and bodies: personal data and hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statement").field(&self.sql).finish()
    }
}

impl Statement {
    fn new(sql: &'static str, params: impl Into<Vec<Value>>) -> Self {
        Self { sql: Cow::Borrowed(sql), params: params.into() }
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn time(at: Timestamp) -> Value {
    Value::Integer(at.as_millis())
}

/// Returns a version as a number. No stored version is negative, so a version that does not fit becomes -1
/// and matches none.
pub(crate) fn number(version: Version) -> Value {
    Value::Integer(i64::try_from(version.0).unwrap_or(-1))
}

/// Returns the statement for the live item under `key`.
pub(crate) fn get(key: &Key, now: Timestamp) -> Statement {
    Statement::new(
        "SELECT partition, sort, body, version, expires_at, index_sort FROM item \
         WHERE partition = ?1 AND sort = ?2 AND (expires_at IS NULL OR expires_at > ?3)",
        [text(&key.partition), text(&key.sort), time(now)],
    )
}

/// Returns the statement that removes up to `limit` items that expired at or before `now`, oldest first.
pub(crate) fn purge(now: Timestamp, limit: u32) -> Statement {
    Statement::new(
        "DELETE FROM item WHERE (partition, sort) IN \
         (SELECT partition, sort FROM item WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        [time(now), Value::Integer(limit.into())],
    )
}

/// Returns the statement that writes as much as a sign-in does: an expired item, which nobody can see.
#[cfg(feature = "rusqlite")]
pub(crate) fn probe_write(now: Timestamp) -> Statement {
    Statement::new(
        "INSERT INTO item (partition, sort, body, version, expires_at) VALUES ('health', 'write', ?1, 1, ?2) \
         ON CONFLICT (partition, sort) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at",
        [Value::Text(format!("\"{:0>32768}\"", now.as_millis())), time(now)],
    )
}

/// Returns every condition in the order of the writes, then every change. The batch is one transaction, so
/// the conditions still hold at the changes, and a commit that conflicts stops before it changes anything.
pub(crate) fn commit(writes: &[Write], now: Timestamp) -> Vec<Statement> {
    let guards = writes.iter().zip(0..).filter_map(|(write, position)| guard(position, write, now));
    let changes = writes.iter().filter_map(|write| change(write, now));
    guards.chain(changes).collect()
}

/// Returns the statement that fails with the constraint `write_<position>` unless the condition of `write`
/// holds.
fn guard(position: i64, write: &Write, now: Timestamp) -> Option<Statement> {
    let condition = match write {
        Write::Put { condition, .. } | Write::Check { condition, .. } => *condition,
        Write::Delete { condition, .. } => Condition::Unchanged((*condition)?),
    };
    let Key { partition, sort } = write.key();
    let mut params = vec![Value::Integer(position), text(partition), text(sort), time(now)];
    let sql = match condition {
        Condition::Absent => {
            "INSERT INTO guard (position) SELECT ?1 WHERE EXISTS (SELECT 1 FROM item \
             WHERE partition = ?2 AND sort = ?3 AND (expires_at IS NULL OR expires_at > ?4))"
        }
        Condition::Unchanged(version) => {
            params.push(number(version));
            "INSERT INTO guard (position) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM item \
             WHERE partition = ?2 AND sort = ?3 AND (expires_at IS NULL OR expires_at > ?4) AND version = ?5)"
        }
    };
    Some(Statement::new(sql, params))
}

fn change(write: &Write, now: Timestamp) -> Option<Statement> {
    match write {
        Write::Check { .. } => None,
        Write::Delete { key, .. } => Some(Statement::new(
            "DELETE FROM item WHERE partition = ?1 AND sort = ?2",
            [text(&key.partition), text(&key.sort)],
        )),
        Write::Put { key, body, index, expires_at, condition } => {
            let version = match condition {
                Condition::Absent => Version::first(now),
                Condition::Unchanged(version) => version.next(),
            };
            let place = |part: fn(&Key) -> &String| index.as_ref().map_or(Value::Null, |at| text(part(at)));
            Some(Statement::new(
                // An expired item may still be stored when another one is created under its key.
                "INSERT INTO item (partition, sort, body, version, expires_at, index_partition, index_sort) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (partition, sort) DO UPDATE SET \
                 body = excluded.body, version = excluded.version, expires_at = excluded.expires_at, \
                 index_partition = excluded.index_partition, index_sort = excluded.index_sort",
                [
                    text(&key.partition),
                    text(&key.sort),
                    text(body),
                    number(version),
                    expires_at.map_or(Value::Null, time),
                    place(|at| &at.partition),
                    place(|at| &at.sort),
                ],
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", get(&Key::new("secret", "secret"), Timestamp::default()));
        assert!(shown.contains("SELECT") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn conditions_come_before_changes_and_an_unconditional_delete_has_none() {
        let writes = [
            Write::create(Key::new("p", "a"), &1).unwrap(),
            Write::Delete { key: Key::new("p", "b"), condition: None },
            Write::Delete { key: Key::new("p", "c"), condition: Some(Version(1)) },
            Write::Check { key: Key::new("p", "d"), condition: Condition::Absent },
        ];
        let batch = commit(&writes, Timestamp::from_millis(1));
        let kinds: Vec<_> =
            batch.iter().map(|one| one.sql.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(kinds[..3], ["INSERT INTO guard"; 3]);
        assert_eq!(kinds[3..], ["INSERT INTO item", "DELETE FROM item", "DELETE FROM item"]);
        let positions: Vec<_> = batch[..3].iter().map(|one| one.params[0].clone()).collect();
        assert!(positions == [Value::Integer(0), Value::Integer(2), Value::Integer(3)]);
    }
}

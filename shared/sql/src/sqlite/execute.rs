use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::{Outcome, Row, Statement, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Runs selects on one snapshot.
pub(super) fn read(connection: &Connection, batch: &[Statement]) -> rusqlite::Result<Vec<Outcome>> {
    if batch.len() == 1 {
        return run(connection, batch);
    }
    let moment = connection.unchecked_transaction()?;
    let outcomes = run(&moment, batch)?;
    moment.commit()?;
    Ok(outcomes)
}

/// Runs statements in the open transaction, if there is one.
pub(super) fn run(connection: &Connection, batch: &[Statement]) -> rusqlite::Result<Vec<Outcome>> {
    batch.iter().map(|statement| one(connection, statement)).collect()
}

fn one(connection: &Connection, statement: &Statement) -> rusqlite::Result<Outcome> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let params = params_from_iter(&statement.params);
    if prepared.column_count() == 0 {
        let changed = prepared.execute(params)?;
        return Ok(Outcome { rows: Vec::new(), changed: u64::try_from(changed).unwrap_or(u64::MAX) });
    }
    let rows = prepared.query_map(params, row)?.collect::<Result<_, _>>()?;
    Ok(Outcome { rows, changed: 0 })
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        partition: row.get(0)?,
        sort: row.get(1)?,
        body: row.get(2)?,
        version: row.get(3)?,
        expires_at: row.get(4)?,
        index_sort: row.get(5)?,
    })
}

use std::borrow::Cow;

use latchkey_core::Timestamp;
use latchkey_core::port::table::{Cursor, List, Query, QueryError};

use crate::cursor::Place;
use crate::statement::{text, time};
use crate::{Row, Statement, Value};

/// One end of the requested range of a list.
struct Bound {
    operator: &'static str,
    values: Vec<String>,
}

/// Returns the statement for the live rows of a page and one more, which shows if there is a next page.
pub(crate) fn select(query: &Query, now: Timestamp) -> Result<Statement, QueryError> {
    let (owner, partition) = match &query.list {
        List::Partition(partition) => ("partition", partition),
        List::Index(partition) => ("index_partition", partition),
    };
    let columns = order(&query.list);
    let place = query.after.as_ref().map(|cursor| Place::open(cursor, columns.len())).transpose()?;

    let mut conditions = vec![format!("{owner} = ?1"), "(expires_at IS NULL OR expires_at > ?2)".to_owned()];
    let mut params = vec![text(partition), time(now)];
    for Bound { operator, values } in bounds(query, place) {
        let names = columns.iter().take(values.len()).copied();
        let marks = (1..=values.len()).map(|n| format!("?{}", params.len() + n));
        conditions.push(format!("({}) {operator} ({})", joined(names), joined(marks)));
        params.extend(values.into_iter().map(Value::Text));
    }
    params.push(Value::Integer(i64::from(query.limit) + 1));
    let direction = if query.descending { " DESC" } else { "" };
    let sql = format!(
        "SELECT partition, sort, body, version, expires_at, index_sort FROM item WHERE {} ORDER BY {} LIMIT ?{}",
        conditions.join(" AND "),
        joined(columns.iter().map(|name| format!("{name}{direction}"))),
        params.len(),
    );
    Ok(Statement { sql: Cow::Owned(sql), params })
}

fn joined<T: ToString>(parts: impl Iterator<Item = T>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns the columns that order a list. Together they are unique for each of its items.
fn order(list: &List) -> &'static [&'static str] {
    match list {
        List::Partition(_) => &["sort"],
        List::Index(_) => &["index_sort", "partition", "sort"],
    }
}

/// Returns the tightest bound at each end, and only that one. With two bounds, SQLite may start at the wider
/// one, and a forged cursor must not lead out of the requested range.
fn bounds(query: &Query, place: Option<Place>) -> impl Iterator<Item = Bound> {
    let from = query.from.clone().map(|sort| Bound { operator: ">=", values: vec![sort] });
    let until = query.until.clone().map(|sort| Bound { operator: "<", values: vec![sort] });
    let inside = |place: &Place| {
        let sort = place.0.first();
        if query.descending {
            query.until.as_ref().is_none_or(|until| sort < Some(until))
        } else {
            query.from.as_ref().is_none_or(|from| sort >= Some(from))
        }
    };
    let (lower, upper) = match place.filter(inside) {
        Some(Place(values)) if query.descending => (from, Some(Bound { operator: "<", values })),
        Some(Place(values)) => (Some(Bound { operator: ">", values }), until),
        None => (from, until),
    };
    lower.into_iter().chain(upper)
}

/// Returns the cursor after `row`.
pub(crate) fn cursor(list: &List, row: &Row) -> Cursor {
    let values = match list {
        List::Partition(_) => vec![row.sort.clone()],
        List::Index(_) => {
            vec![row.index_sort.clone().unwrap_or_default(), row.partition.clone(), row.sort.clone()]
        }
    };
    Place(values).seal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(query: &Query) -> String {
        let statement = select(query, Timestamp::default()).unwrap();
        let (_, clauses) = statement.sql.split_once("expires_at > ?2)").unwrap();
        clauses.to_owned()
    }

    #[test]
    fn a_cursor_takes_the_place_of_the_bound_that_it_is_inside_of() {
        let at = |sort: &str| Some(Place(vec![sort.into()]).seal());
        let mut query = Query {
            from: Some("b".into()),
            until: Some("y".into()),
            ..Query::all(List::Partition("p".into()), 9)
        };
        assert_eq!(sql(&query), " AND (sort) >= (?3) AND (sort) < (?4) ORDER BY sort LIMIT ?5");
        query.after = at("c");
        assert_eq!(sql(&query), " AND (sort) > (?3) AND (sort) < (?4) ORDER BY sort LIMIT ?5");
        query.after = at("a");
        assert_eq!(sql(&query), " AND (sort) >= (?3) AND (sort) < (?4) ORDER BY sort LIMIT ?5");
        query.descending = true;
        assert_eq!(sql(&query), " AND (sort) >= (?3) AND (sort) < (?4) ORDER BY sort DESC LIMIT ?5");
        assert!(select(&query, Timestamp::default()).unwrap().params[3] == text("a"));
        query.after = at("z");
        assert!(select(&query, Timestamp::default()).unwrap().params[3] == text("y"));
    }

    #[test]
    fn an_index_list_goes_on_behind_the_whole_place() {
        let mut query = Query::all(List::Index("p".into()), 9);
        query.after = Some(Place(vec!["i".into(), "p".into(), "s".into()]).seal());
        assert_eq!(
            sql(&query),
            " AND (index_sort, partition, sort) > (?3, ?4, ?5) ORDER BY index_sort, partition, sort LIMIT ?6"
        );
    }
}

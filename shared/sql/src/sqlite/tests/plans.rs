use latchkey_core::port::table::{Condition, Cursor, List, Version};

use super::*;
use crate::{Statement, page, statement};

/// Returns SQLite's query plan, one line per step.
fn plan(connection: &Connection, statement: &Statement) -> String {
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql)).unwrap();
    let steps =
        explained.query_map(rusqlite::params_from_iter(&statement.params), |row| row.get("detail")).unwrap();
    steps.collect::<Result<Vec<String>, _>>().unwrap().join("\n")
}

fn database() -> Connection {
    open::memory().unwrap()
}

#[test]
fn every_statement_finds_its_rows_by_a_key() {
    let connection = database();
    let put =
        |condition| Write::Put { key: key("a"), body: "1".into(), index: None, expires_at: None, condition };
    let writes = [
        put(Condition::Absent),
        put(Condition::Unchanged(Version(1))),
        Write::Delete { key: key("a"), condition: None },
    ];
    let mut statements = statement::commit(&writes, NOW);
    statements.extend([statement::get(&key("a"), NOW), statement::purge(NOW, 10)]);
    assert_eq!(statements.len(), 7);
    for statement in statements {
        let plan = plan(&connection, &statement);
        assert!(!plan.contains("SCAN item"), "{statement:?}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement:?}\n{plan}");
    }
    assert!(plan(&connection, &statement::purge(NOW, 10)).contains("item_expiring (expires_at<?)"));
}

#[test]
fn a_hit_finds_each_log_by_its_key() {
    let windows = ["a", "b"].map(|key| latchkey_core::port::Window {
        key: key.to_owned(),
        limit: 5,
        length: std::time::Duration::from_mins(1),
    });
    let keys = windows.each_ref().map(|window| latchkey_core::adapter::TableCounters::key(&window.key));
    let plan = plan(&database(), &crate::counters::count(&keys, &windows, NOW));
    assert!(plan.contains("SEARCH item USING PRIMARY KEY (partition=? AND sort=?)"), "{plan}");
    assert!(!plan.contains("SCAN item"), "{plan}");
    // Each log is read twice: for its latest hit, and for the hits that are still in the window.
    assert_eq!(plan.matches("json_each").count(), 2, "{plan}");
    for table in ["MATERIALIZE log", "MATERIALIZE kept"] {
        assert_eq!(plan.matches(table).count(), 1, "{plan}");
    }
}

#[test]
fn a_page_starts_at_its_place_and_is_not_sorted() {
    let connection = database();
    for (list, cursor, forwards, backwards) in [
        (
            List::Partition("p".into()),
            "WyJtIl0",
            "SEARCH item USING PRIMARY KEY (partition=? AND sort>? AND sort<?)",
            "SEARCH item USING PRIMARY KEY (partition=? AND sort>? AND sort<?)",
        ),
        (
            List::Index("p".into()),
            "WyJtIiwicCIsInMiXQ",
            "SEARCH item USING INDEX item_listed (index_partition=? AND (index_sort,partition,sort)>(?,?,?) AND index_sort<?)",
            "SEARCH item USING INDEX item_listed (index_partition=? AND index_sort>? AND (index_sort,partition,sort)<(?,?,?))",
        ),
    ] {
        let mut query = Query { from: Some("a".into()), until: Some("z".into()), ..Query::all(list, 10) };
        query.after = Some(Cursor(cursor.to_owned()));
        assert_eq!(plan(&connection, &page::select(&query, NOW).unwrap()), forwards);
        query.descending = true;
        assert_eq!(plan(&connection, &page::select(&query, NOW).unwrap()), backwards);
        query = Query { from: None, until: None, after: None, ..query };
        let plan = plan(&connection, &page::select(&query, NOW).unwrap());
        assert!(plan.starts_with("SEARCH item USING") && !plan.contains('\n'), "{plan}");
    }
}

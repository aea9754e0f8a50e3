use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{Cursor, Key, List, Page, Query, QueryError};

use super::{NOW, create, delete, partition, walk};

async fn fill(table: &dyn Table, partition: &str, sorts: &[&str]) {
    let writes: Vec<_> = sorts.iter().map(|sort| create(&Key::new(partition, *sort), sort)).collect();
    table.commit(&writes, NOW).await.unwrap();
}

async fn sorts(table: &dyn Table, query: &Query) -> Vec<String> {
    walk(table, query, NOW).await.into_iter().map(|key| key.sort).collect()
}

/// Pages of any size, put together, are the whole list in order: once each, forwards and backwards, of this partition only.
pub async fn pages_walk_a_partition_both_ways(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let mut expected = ["a", "b#1", "b#2", "b#3", "c"];
    fill(table, &partition, &["b#2", "c", "a", "b#3", "b#1"]).await;
    fill(table, &format!("{partition}x"), &["b#0", "b#2"]).await;
    for descending in [false, true] {
        for limit in 1..=6 {
            let all = Query { descending, ..Query::all(List::Partition(partition.clone()), limit) };
            assert_eq!(sorts(table, &all).await, expected, "{limit} at a time");
            let prefix = Query { descending, ..Query::prefix(&partition, "b#", limit) };
            assert_eq!(sorts(table, &prefix).await, expected[1..4], "{limit} at a time");
        }
        expected.reverse();
    }
    assert_eq!(sorts(table, &Query::prefix(&partition, "d", 5)).await, [""; 0]);
}

/// `from` is in the list and `until` is not, on every page and in both directions.
pub async fn a_range_includes_its_start_and_not_its_end(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    fill(table, &partition, &["a", "b", "c", "d", "e"]).await;
    for (from, until, expected) in [
        (Some("b"), Some("d"), "bc"),
        (Some("b"), None, "bcde"),
        (None, Some("b"), "a"),
        (Some("bb"), Some("dd"), "cd"),
        (Some("c"), Some("c"), ""),
        (Some("d"), Some("b"), ""),
        (Some("f"), None, ""),
        (None, Some("a"), ""),
        (Some(""), Some("\u{10FFFF}"), "abcde"),
    ] {
        for limit in [1, 2, 9] {
            let mut query = Query::all(List::Partition(partition.clone()), limit);
            query.from = from.map(str::to_owned);
            query.until = until.map(str::to_owned);
            assert_eq!(sorts(table, &query).await.concat(), expected, "{query:?}");
            query.descending = true;
            let backwards: String = expected.chars().rev().collect();
            assert_eq!(sorts(table, &query).await.concat(), backwards, "{query:?}");
        }
    }
}

/// Several lists at once give the pages that they give one by one, in the order in which they were asked for.
pub async fn several_lists_at_once_are_as_one_by_one(table: Arc<dyn Table>) {
    let table = &*table;
    let (first, second, third) = (partition(), partition(), partition());
    fill(table, &first, &["a", "b", "c"]).await;
    fill(table, &second, &["d"]).await;
    let all = |partition: &str| Query::all(List::Partition(partition.to_owned()), 2);
    let mut rest = all(&first);
    rest.after = table.query(&rest, NOW).await.unwrap().next;
    let queries = [
        all(&second),
        all(&first),
        all(&third),
        Query { descending: true, ..all(&first) },
        rest,
        all(&first),
    ];
    let pages = table.query_all(&queries, NOW).await.unwrap();
    assert_eq!(pages.len(), queries.len());
    for (query, page) in queries.iter().zip(pages) {
        assert_eq!(page, table.query(query, NOW).await.unwrap(), "{query:?}");
    }
    assert!(table.query_all(&[], NOW).await.unwrap().is_empty());
    let bad = Query { after: Some(Cursor("nonsense".to_owned())), ..all(&first) };
    assert!(matches!(table.query_all(&[all(&first), bad], NOW).await, Err(QueryError::InvalidCursor)));
}

/// What is written during a walk neither repeats nor hides what was there: the cursor is a place, not a number. It holds
/// even when the item at that place is gone.
pub async fn a_walk_survives_what_is_written_meanwhile(table: Arc<dyn Table>) {
    let table = &*table;
    for descending in [false, true] {
        let partition = partition();
        fill(table, &partition, &["b", "d", "f", "h"]).await;
        let mut query = Query { descending, ..Query::all(List::Partition(partition.clone()), 2) };
        let first = table.query(&query, NOW).await.unwrap();
        fill(table, &partition, &["a", "c", "e", "g", "i"]).await;
        let last = first.items.last().unwrap().key.clone();
        table.commit(&[delete(&last, None)], NOW).await.unwrap();
        query.after = first.next;
        let rest = sorts(table, &query).await;
        assert_eq!(rest, if descending { ["e", "d", "c", "b", "a"] } else { ["e", "f", "g", "h", "i"] });
    }
}

/// What never was a cursor is [`QueryError::InvalidCursor`], and not a page or a failure of the store.
pub async fn a_cursor_that_was_made_up_is_refused(table: Arc<dyn Table>) {
    let partition = partition();
    fill(&*table, &partition, &["a"]).await;
    for list in [List::Partition(partition.clone()), List::Index(partition)] {
        for text in [
            "",
            "a",
            "1",
            "null",
            "[]",
            "{}",
            "not a cursor",
            "%",
            "' OR 1=1 --",
            "\0",
            "🗝",
            &"A".repeat(10_000),
        ] {
            let query = Query { after: Some(Cursor(text.to_owned())), ..Query::all(list.clone(), 5) };
            let answer = table.query(&query, NOW).await;
            assert!(matches!(answer, Err(QueryError::InvalidCursor)), "{text:?}: {answer:?}");
        }
    }
}

/// A cursor with any character changed, or of another list, gives items of the list and range that were asked for, or is
/// refused.
pub async fn a_cursor_that_was_tampered_with_stays_in_its_list(table: Arc<dyn Table>) {
    let table = &*table;
    let (partition, other, listed) = (partition(), partition(), partition());
    let sorts = ["a", "b", "c", "d", "e"];
    for (partition, index) in [(&partition, &listed), (&other, &partition)] {
        let writes: Vec<_> = sorts
            .iter()
            .map(|sort| create(&Key::new(partition, *sort), partition).indexed(Key::new(index, *sort)))
            .collect();
        table.commit(&writes, NOW).await.unwrap();
    }
    let range = |list| Query { from: Some("b".into()), until: Some("e".into()), ..Query::all(list, 1) };
    let mine = range(List::Partition(partition.clone()));
    let given = |page: Page| page.next.unwrap().0;
    let own = given(table.query(&mine, NOW).await.unwrap());
    let mut forged: Vec<String> = vec![
        given(table.query(&range(List::Partition(other)), NOW).await.unwrap()),
        given(table.query(&Query { from: None, until: None, ..mine.clone() }, NOW).await.unwrap()),
    ];
    // The index may lag, and then there is no cursor of it to try.
    forged.extend(table.query(&range(List::Index(listed)), NOW).await.unwrap().next.map(|cursor| cursor.0));
    for (at, old) in own.char_indices() {
        let (before, behind) = (&own[..at], &own[at + old.len_utf8()..]);
        forged.push(before.to_owned());
        forged.extend(["A", "z", "0", "_", "="].map(|new| format!("{before}{new}{behind}")));
    }
    for text in forged {
        for descending in [false, true] {
            let query = Query { after: Some(Cursor(text.clone())), descending, limit: 10, ..mine.clone() };
            match table.query(&query, NOW).await {
                Err(QueryError::InvalidCursor) => {}
                Err(QueryError::Store(error)) => panic!("{text}: {error}"),
                Ok(page) => {
                    for item in page.items {
                        assert_eq!(item.key.partition, partition, "{text}");
                        assert!(
                            ["b", "c", "d"].contains(&item.key.sort.as_str()),
                            "{text}: {}",
                            item.key.sort
                        );
                    }
                }
            }
        }
    }
}

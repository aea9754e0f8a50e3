use std::sync::Arc;

use latchkey_core::Timestamp;
use latchkey_core::port::Table;
use latchkey_core::port::table::{Condition, Key, List, Query, Version, Write};

use super::{NOW, conflict, create, delete, later, pages, partition, read, replace, walk, walk_index};

/// An item that was made at [`NOW`] and ends 10 ms later.
async fn short_lived(table: &dyn Table) -> (Key, Timestamp) {
    let key = Key::new(partition(), "a");
    table.commit(&[create(&key, "old").expiring(later(10))], NOW).await.unwrap();
    (key, later(10))
}

/// An item is found by get, query and index up to the last millisecond before its end, and by none of them from then on.
pub async fn an_item_is_there_until_its_end(table: Arc<dyn Table>) {
    let table = &*table;
    let (key, listed) = (Key::new(partition(), "a"), Key::new(partition(), "i"));
    let write = create(&key, "x").expiring(later(10)).indexed(listed.clone());
    table.commit(&[write], NOW).await.unwrap();
    let lists = [List::Partition(key.partition.clone()), List::Index(listed.partition)]
        .map(|list| Query::all(list, 10));
    for (now, there) in [(later(9), true), (later(10), false), (later(11), false), (later(1_000_000), false)]
    {
        let expected = if there { vec![key.clone()] } else { vec![] };
        assert_eq!(read(table, &key, now).await.is_some(), there, "get at {now}");
        assert_eq!(walk(table, &lists[0], now).await, expected, "query at {now}");
        assert_eq!(walk_index(table, &lists[1], &expected, now).await, expected, "index at {now}");
    }
}

/// Where an item has ended, another one can be made: with its own version and end, and nothing of the old one.
pub async fn an_ended_item_counts_as_absent(table: Arc<dyn Table>) {
    let table = &*table;
    let (key, end) = short_lived(table).await;
    let before_end = Timestamp::from_millis(end.as_millis() - 1);
    assert_eq!(conflict(table, create(&key, "new"), before_end).await, Some(0));
    let check = Write::Check { key: key.clone(), condition: Condition::Absent };
    assert_eq!(conflict(table, check.clone(), before_end).await, Some(0));
    assert_eq!(conflict(table, check, end).await, None);
    assert_eq!(conflict(table, create(&key, "new"), end).await, None);
    let item = read(table, &key, later(1_000_000)).await.unwrap();
    assert_eq!((item.body.as_str(), item.version, item.expires_at), ("\"new\"", Version::first(end), None));
    assert_eq!(conflict(table, create(&key, "third"), later(1_000_000)).await, Some(0));
}

/// Where an item has ended, no write that demands its version happens.
pub async fn an_ended_item_counts_as_gone_for_a_version(table: Arc<dyn Table>) {
    let table = &*table;
    let (key, end) = short_lived(table).await;
    let version = Version::first(NOW);
    let check = Write::Check { key: key.clone(), condition: Condition::Unchanged(version) };
    for write in [replace(&key, "new", version), delete(&key, Some(version)), check] {
        assert_eq!(conflict(table, write.clone(), end).await, Some(0), "{write:?}");
    }
    assert_eq!(read(table, &key, end).await, None);
}

/// An unconditional delete is fine with an item that has ended.
pub async fn an_ended_item_can_be_removed(table: Arc<dyn Table>) {
    let table = &*table;
    let (key, end) = short_lived(table).await;
    assert_eq!(conflict(table, delete(&key, None), end).await, None);
    assert_eq!(conflict(table, create(&key, "new"), end).await, None);
    assert_eq!(read(table, &key, end).await.unwrap().body, "\"new\"");
}

/// Items that have ended, however many, are passed over: a walk finds every live item, and comes to its end.
pub async fn pages_move_over_ended_items(table: Arc<dyn Table>) {
    let table = &*table;
    let (partition, listed) = (partition(), partition());
    let live = [0, 37, 38, 99];
    let writes: Vec<_> = (0..100)
        .map(|n| {
            let sort = format!("{n:03}");
            let write = create(&Key::new(&partition, &sort), "x").indexed(Key::new(&listed, &sort));
            if live.contains(&n) { write } else { write.expiring(later(10)) }
        })
        .collect();
    table.commit(&writes, NOW).await.unwrap();
    let mut expected: Vec<Key> = live.iter().map(|n| Key::new(&partition, format!("{n:03}"))).collect();
    for descending in [false, true] {
        for limit in [1, 2, 3, 50] {
            for list in [List::Partition(partition.clone()), List::Index(listed.clone())] {
                let query = Query { descending, ..Query::all(list.clone(), limit) };
                let found = match list {
                    List::Partition(_) => walk(table, &query, later(10)).await,
                    List::Index(_) => walk_index(table, &query, &expected, later(10)).await,
                };
                assert_eq!(found, expected, "{query:?}");
            }
        }
        expected.reverse();
    }
    let nothing =
        Query { from: Some("039".into()), until: Some("099".into()), ..Query::prefix(&partition, "", 5) };
    assert!(pages(table, &nothing, later(10)).await.iter().all(|page| page.items.is_empty()));
}

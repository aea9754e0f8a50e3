use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{Key, List, Query, Version};

use super::{NOW, create, delete, partition, read, replace, walk, walk_index};

/// An index lists the items of any partition that name a place in it, by that place, and only those.
pub async fn the_index_lists_items_by_their_place(table: Arc<dyn Table>) {
    let table = &*table;
    let (listed, one, two) = (partition(), partition(), partition());
    let writes = [
        create(&Key::new(&one, "z"), "1").indexed(Key::new(&listed, "1")),
        create(&Key::new(&two, "m"), "2").indexed(Key::new(&listed, "2")),
        create(&Key::new(&one, "a"), "3").indexed(Key::new(&listed, "3")),
        create(&Key::new(&one, "b"), "elsewhere").indexed(Key::new(format!("{listed}x"), "2")),
        create(&Key::new(&listed, "2"), "not indexed"),
    ];
    table.commit(&writes, NOW).await.unwrap();
    let mut expected: Vec<Key> = writes[..3].iter().map(|write| write.key().clone()).collect();
    let list = List::Index(listed.clone());
    for descending in [false, true] {
        for limit in 1..=4 {
            let query = Query { descending, ..Query::all(list.clone(), limit) };
            assert_eq!(walk_index(table, &query, &expected, NOW).await, expected, "{query:?}");
        }
        let middle = Query {
            descending,
            from: Some("2".into()),
            until: Some("3".into()),
            ..Query::all(list.clone(), 1)
        };
        assert_eq!(walk_index(table, &middle, &expected[1..2], NOW).await, expected[1..2]);
        expected.reverse();
    }
    // What is listed is the item itself.
    let page = table.query(&Query::all(list, 1), NOW).await.unwrap();
    assert_eq!(page.items.first(), read(table, &Key::new(&one, "z"), NOW).await.as_ref());
    // A list of a partition knows nothing of places in an index.
    assert_eq!(walk(table, &Query::prefix(&listed, "", 9), NOW).await, [Key::new(&listed, "2")]);
}

/// A replacement moves an item to another place or out of the index; a delete takes it out.
pub async fn the_index_follows_its_items(table: Arc<dyn Table>) {
    let table = &*table;
    let (listed, partition) = (partition(), partition());
    let [a, b, c] = ["a", "b", "c"].map(|sort| Key::new(&partition, sort));
    let place = |sort: &str| Key::new(&listed, sort);
    let query = Query::all(List::Index(listed.clone()), 10);
    let check = async |expected: &[&Key]| {
        let expected: Vec<Key> = expected.iter().copied().cloned().collect();
        assert_eq!(walk_index(table, &query, &expected, NOW).await, expected);
    };
    let version = Version::first(NOW);
    let made = [&a, &b, &c].map(|key| create(key, "x").indexed(place(&key.sort)));
    table.commit(&made, NOW).await.unwrap();
    check(&[&a, &b, &c]).await;
    table.commit(&[replace(&a, "y", version).indexed(place("z"))], NOW).await.unwrap();
    check(&[&b, &c, &a]).await;
    table.commit(&[replace(&b, "y", version)], NOW).await.unwrap();
    check(&[&c, &a]).await;
    table.commit(&[delete(&c, None)], NOW).await.unwrap();
    check(&[&a]).await;
    let elsewhere = Key::new(super::partition(), "a");
    table.commit(&[replace(&a, "z", version.next()).indexed(elsewhere)], NOW).await.unwrap();
    check(&[]).await;
}

/// Many items at one place of an index each come once, wherever pages end.
pub async fn index_pages_split_equal_places(table: Arc<dyn Table>) {
    let table = &*table;
    let (listed, one, two) = (partition(), partition(), partition());
    let keys: Vec<Key> = [&one, &two]
        .into_iter()
        .flat_map(|partition| (0..5).map(move |n| Key::new(partition, n.to_string())))
        .collect();
    let writes: Vec<_> = keys.iter().map(|key| create(key, "x").indexed(Key::new(&listed, "same"))).collect();
    table.commit(&writes, NOW).await.unwrap();
    for descending in [false, true] {
        let query = |limit| Query { descending, ..Query::all(List::Index(listed.clone()), limit) };
        // Which of equal places comes first is the store's own choice, but it is the same on every page.
        let expected = async {
            for _ in 0..100 {
                let found = walk(table, &query(100), NOW).await;
                if found.len() == keys.len() {
                    return found;
                }
            }
            walk(table, &query(100), NOW).await
        }
        .await;
        let mut sorted = expected.clone();
        sorted.sort();
        let mut wanted = keys.clone();
        wanted.sort();
        assert_eq!(sorted, wanted);
        for limit in [1, 2, 3, 9, 10] {
            assert_eq!(walk(table, &query(limit), NOW).await, expected, "{limit} at a time");
            let bounded = Query { from: Some("same".into()), until: Some("same ".into()), ..query(limit) };
            assert_eq!(
                walk(table, &bounded, NOW).await,
                expected,
                "{limit} at a time, at the edge of a range"
            );
        }
    }
}

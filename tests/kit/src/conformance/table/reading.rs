use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{Condition, Item, Key, Query, Version, Write};

use super::{NOW, create, later, partition, read, replace};

/// What a commit wrote is there for the very next read, whole: body, version and end.
pub async fn a_commit_is_read_back(table: Arc<dyn Table>) {
    let table = &*table;
    let key = Key::new(partition(), "a");
    assert_eq!(read(table, &key, NOW).await, None);

    table.commit(&[create(&key, "one").expiring(later(60_000))], NOW).await.unwrap();
    let first = Item {
        key: key.clone(),
        body: "\"one\"".into(),
        version: Version::first(NOW),
        expires_at: Some(later(60_000)),
    };
    assert_eq!(read(table, &key, NOW).await, Some(first.clone()));
    let page = table.query(&Query::prefix(&key.partition, "", 10), NOW).await.unwrap();
    assert_eq!((page.items, page.next), (vec![first.clone()], None));

    table.commit(&[replace(&key, "two", first.version)], later(5)).await.unwrap();
    let second = Item { body: "\"two\"".into(), version: first.version.next(), expires_at: None, ..first };
    assert_eq!(read(table, &key, later(5)).await, Some(second));
}

/// A get has one answer per key, in their order, with repeats and gaps where they were asked for.
pub async fn a_get_answers_in_the_order_of_its_keys(table: Arc<dyn Table>) {
    let partition = partition();
    let key = |sort: &str| Key::new(&partition, sort);
    // Items of two partitions, as two items of one could come in order by chance.
    let elsewhere = Key::new(super::partition(), "a");
    let writes =
        [create(&key("a"), "a"), create(&key("b"), "b"), create(&key("c"), "c"), create(&elsewhere, "e")];
    table.commit(&writes, NOW).await.unwrap();

    let asked =
        [key("c"), key("missing"), elsewhere.clone(), key("a"), key("c"), key("b"), key("A"), elsewhere];
    let found = table.get(&asked, NOW).await.unwrap();
    let bodies: Vec<_> =
        found.iter().map(|item| item.as_ref().map_or("-", |item| item.body.trim_matches('"'))).collect();
    assert_eq!(bodies, ["c", "-", "e", "a", "c", "b", "-", "e"]);
    for (item, key) in
        found.iter().flatten().zip(asked.iter().filter(|key| !["missing", "A"].contains(&&*key.sort)))
    {
        assert_eq!(item.key, *key);
    }
    assert_eq!(table.get(&[], NOW).await.unwrap(), []);
}

/// A body is text to the store: nothing in it is parsed, trimmed, rounded or normalised.
pub async fn bodies_are_kept_to_the_letter(table: Arc<dyn Table>) {
    let partition = partition();
    let bodies = [
        r#"{"b":1,"a":2,"a":3}"#,
        r#"{ "spaces" :  1 }"#,
        "12345678901234567890.000",
        r#""\u0000\ud83d\ude00 ' \" % _ ;--""#,
        "\"é e\u{301} 漢字 🗝\"",
        "null",
        "[\n\t1\r\n]",
    ];
    let put = |(n, body): (usize, &str)| Write::Put {
        key: Key::new(&partition, n.to_string()),
        body: body.to_owned(),
        index: None,
        expires_at: None,
        condition: Condition::Absent,
    };
    table.commit(&bodies.into_iter().enumerate().map(put).collect::<Vec<_>>(), NOW).await.unwrap();
    let page = table.query(&Query::prefix(&partition, "", 10), NOW).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.body.as_str()).collect::<Vec<_>>(), bodies);
}

use std::sync::Arc;

use latchkey_core::port::table::{
    CommitError, Condition, Key, List, MAX_BODY, MAX_COMMIT, MAX_GET, MAX_KEY, MAX_PAGE, Query, QueryError,
    Write,
};
use latchkey_core::port::{StoreError, Table};

use super::{NOW, create, delete, partition, read, walk};

fn put(key: Key, body: String) -> Write {
    Write::Put { key, body, index: None, expires_at: None, condition: Condition::Absent }
}

/// A JSON text of exactly `bytes` bytes.
fn body(bytes: usize) -> String {
    format!("\"{}\"", "b".repeat(bytes - 2))
}

/// `partition`, filled up to `bytes` bytes.
fn long(partition: &str, bytes: usize) -> String {
    format!("{partition}{}", "k".repeat(bytes - partition.len()))
}

/// The largest of everything works.
pub async fn what_is_at_a_limit_is_accepted(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let largest = Key::new(long(&partition, MAX_KEY), "ü".repeat(MAX_KEY / 2));
    let place = Key::new(long(&partition, MAX_KEY), "i".repeat(MAX_KEY));
    table.commit(&[put(largest.clone(), body(MAX_BODY)).indexed(place.clone())], NOW).await.unwrap();
    assert_eq!(read(table, &largest, NOW).await.unwrap().body.len(), MAX_BODY);
    let listed = Query::all(List::Index(place.partition), 1);
    assert_eq!(super::walk_index(table, &listed, std::slice::from_ref(&largest), NOW).await, [largest]);

    let keys: Vec<Key> =
        (0..MAX_GET.max(MAX_COMMIT)).map(|n| Key::new(&partition, format!("{n:04}"))).collect();
    let writes: Vec<_> = keys.iter().take(MAX_COMMIT).map(|key| create(key, "x")).collect();
    table.commit(&writes, NOW).await.unwrap();
    let found = table.get(&keys[..MAX_GET], NOW).await.unwrap();
    assert_eq!(found.iter().flatten().count(), MAX_GET.min(MAX_COMMIT));
    assert_eq!(walk(table, &Query::prefix(&partition, "", MAX_PAGE), NOW).await.len(), MAX_COMMIT);
}

/// Whatever is larger is refused as the caller's mistake, and nothing of it is written.
pub async fn what_is_over_a_limit_is_refused(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let key = |sort: &str| Key::new(&partition, sort);
    let fine = || create(&key("fine"), "x");
    let many: Vec<_> = (0..=MAX_COMMIT).map(|n| create(&key(&n.to_string()), "x")).collect();
    let bad_keys = [
        Key::new("", "s"),
        Key::new(&partition, ""),
        Key::new(long(&partition, MAX_KEY + 1), "s"),
        Key::new(&partition, "s".repeat(MAX_KEY + 1)),
        Key::new(&partition, format!("{}ü", "s".repeat(MAX_KEY - 1))),
    ];
    let mut commits = vec![
        vec![],
        many,
        vec![fine(), put(key("large"), body(MAX_BODY + 1))],
        vec![fine(), create(&key("fine"), "again")],
        vec![fine(), delete(&key("fine"), None)],
        vec![fine(), Write::Check { key: key("fine"), condition: Condition::Absent }],
    ];
    for bad in &bad_keys {
        commits.push(vec![fine(), create(bad, "x")]);
        commits.push(vec![fine(), delete(bad, None)]);
        commits.push(vec![fine().indexed(bad.clone())]);
        let answer = table.get(std::slice::from_ref(bad), NOW).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    }
    for writes in commits {
        let answer = table.commit(&writes, NOW).await;
        assert!(matches!(answer, Err(CommitError::Store(StoreError::Refused(_)))), "{answer:?}");
    }
    assert_eq!(walk(table, &Query::prefix(&partition, "", 10), NOW).await, []);

    let answer = table.get(&vec![key("fine"); MAX_GET + 1], NOW).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    for limit in [0, MAX_PAGE + 1, u32::MAX] {
        let answer = table.query(&Query::prefix(&partition, "", limit), NOW).await;
        assert!(matches!(answer, Err(QueryError::Store(StoreError::Refused(_)))), "{limit}: {answer:?}");
    }
}

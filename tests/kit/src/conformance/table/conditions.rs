use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Condition, Key, Version, Write};

use super::{NOW, conflict, create, delete, later, partition, read, replace};

/// A create of what is there conflicts and changes nothing.
pub async fn a_create_demands_absence(table: Arc<dyn Table>) {
    let table = &*table;
    let key = Key::new(partition(), "a");
    assert_eq!(conflict(table, create(&key, "one"), NOW).await, None);
    assert_eq!(conflict(table, create(&key, "two"), later(1)).await, Some(0));
    assert_eq!(read(table, &key, NOW).await.unwrap().body, "\"one\"");
}

/// A replacement of another version, or of nothing, conflicts and changes nothing.
pub async fn a_replacement_demands_the_version_that_was_read(table: Arc<dyn Table>) {
    let table = &*table;
    let key = Key::new(partition(), "a");
    let first = Version::first(NOW);
    assert_eq!(conflict(table, replace(&key, "none", first), NOW).await, Some(0));
    assert_eq!(read(table, &key, NOW).await, None);

    table.commit(&[create(&key, "one")], NOW).await.unwrap();
    assert_eq!(conflict(table, replace(&key, "two", first), NOW).await, None);
    for wrong in [first, first.next().next(), Version(0), Version(1), Version(u64::MAX), Version(1 << 63)] {
        assert_eq!(conflict(table, replace(&key, "three", wrong), NOW).await, Some(0), "{wrong:?}");
    }
    let item = read(table, &key, NOW).await.unwrap();
    assert_eq!((item.body.as_str(), item.version), ("\"two\"", first.next()));
}

/// A conditional delete needs its version; an unconditional one is fine with what is not there.
pub async fn a_delete_demands_a_version_or_nothing(table: Arc<dyn Table>) {
    let table = &*table;
    let partition = partition();
    let (key, other) = (Key::new(&partition, "a"), Key::new(&partition, "b"));
    let version = Version::first(NOW);
    assert_eq!(conflict(table, delete(&key, Some(version)), NOW).await, Some(0));
    assert_eq!(conflict(table, delete(&key, None), NOW).await, None);

    table.commit(&[create(&key, "a"), create(&other, "b")], NOW).await.unwrap();
    assert_eq!(conflict(table, delete(&key, Some(version.next())), NOW).await, Some(0));
    assert!(read(table, &key, NOW).await.is_some());
    assert_eq!(conflict(table, delete(&key, Some(version)), NOW).await, None);
    assert_eq!(read(table, &key, NOW).await, None);
    assert_eq!(conflict(table, delete(&other, None), NOW).await, None);
    assert_eq!(read(table, &other, NOW).await, None);
}

/// A check of either kind lets a commit through or stops it, and leaves its own item alone.
pub async fn a_check_writes_nothing_and_guards_the_commit(table: Arc<dyn Table>) {
    let table = &*table;
    let partition = partition();
    let there = Key::new(&partition, "there");
    let missing = Key::new(&partition, "missing");
    table.commit(&[create(&there, "x")], NOW).await.unwrap();
    let version = Version::first(NOW);

    let cases = [
        (&missing, Condition::Absent, true),
        (&there, Condition::Absent, false),
        (&there, Condition::Unchanged(version), true),
        (&there, Condition::Unchanged(version.next()), false),
        (&missing, Condition::Unchanged(version), false),
    ];
    for (n, (key, condition, holds)) in cases.into_iter().enumerate() {
        let written = Key::new(&partition, format!("written-{n}"));
        let check = Write::Check { key: key.clone(), condition };
        let answer = table.commit(&[create(&written, "w"), check.clone()], later(1)).await;
        let case = format!("{key} {condition:?}: {answer:?}");
        if holds {
            assert!(answer.is_ok(), "{case}");
        } else {
            assert!(matches!(answer, Err(CommitError::Conflict { write: 1 })), "{case}");
        }
        assert_eq!(read(table, &written, later(1)).await.is_some(), holds, "{case}");
        assert_eq!(conflict(table, check, later(1)).await.is_none(), holds, "alone: {case}");
    }
    assert_eq!(read(table, &missing, later(1)).await, None);
    assert_eq!(read(table, &there, later(1)).await.unwrap().version, version);
}

/// An item made again under an old key does not pass for the old one.
pub async fn a_version_does_not_come_back(table: Arc<dyn Table>) {
    let table = &*table;
    let key = Key::new(partition(), "a");
    table.commit(&[create(&key, "one")], NOW).await.unwrap();
    let old = read(table, &key, NOW).await.unwrap().version;
    table.commit(&[delete(&key, None)], later(1)).await.unwrap();
    table.commit(&[create(&key, "two")], later(2)).await.unwrap();
    assert_ne!(read(table, &key, later(2)).await.unwrap().version, old);
    assert_eq!(conflict(table, replace(&key, "three", old), later(2)).await, Some(0));
    assert_eq!(conflict(table, delete(&key, Some(old)), later(2)).await, Some(0));
    assert_eq!(read(table, &key, later(2)).await.unwrap().body, "\"two\"");
}

use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Condition, Key, MAX_COMMIT, Query, Version, Write};

use super::{NOW, create, delete, later, partition, replace, walk};

/// One write of each kind in turn, all of which hold when the items of [`before`] are there.
fn writes(partition: &str) -> Vec<Write> {
    let version = Version::first(NOW);
    (0..MAX_COMMIT)
        .map(|n| {
            let key = Key::new(partition, format!("{n:03}"));
            match n % 5 {
                0 => create(&key, "new"),
                1 => replace(&key, "new", version),
                2 => delete(&key, Some(version)),
                3 => Write::Check { key, condition: Condition::Unchanged(version) },
                _ => delete(&key, None),
            }
        })
        .collect()
}

/// What is there before: all that [`writes`] does not create.
async fn before(table: &dyn Table, partition: &str) -> Vec<Write> {
    let there: Vec<_> = writes(partition)
        .iter()
        .filter(|write| !matches!(write, Write::Put { condition: Condition::Absent, .. }))
        .map(|write| create(write.key(), "old"))
        .collect();
    table.commit(&there, NOW).await.unwrap();
    there
}

/// The same write with a condition that does not hold.
fn spoilt(write: &Write) -> Write {
    let wrong = Version::first(later(1000));
    match write {
        Write::Put { key, condition: Condition::Absent, .. } => replace(key, "spoilt", wrong),
        Write::Put { key, .. } => create(key, "spoilt"),
        Write::Delete { key, .. } => delete(key, Some(wrong)),
        Write::Check { key, .. } => Write::Check { key: key.clone(), condition: Condition::Absent },
    }
}

/// Wherever in a commit a condition fails, the commit says where, and nothing before or behind it is written.
pub async fn a_conflict_leaves_nothing_of_the_commit(table: Arc<dyn Table>) {
    let table = &*table;
    let partition = partition();
    let there: Vec<Key> = before(table, &partition).await.iter().map(|write| write.key().clone()).collect();
    let all = Query::prefix(&partition, "", 1000);
    let good = writes(&partition);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] = spoilt(&good[at]);
        let answer = table.commit(&bad, later(1)).await;
        assert!(
            matches!(answer, Err(CommitError::Conflict { write }) if write == at),
            "spoilt at {at}: {answer:?}"
        );
        let page = table.query(&all, later(1)).await.unwrap();
        assert_eq!(
            page.items.iter().map(|item| &item.key).collect::<Vec<_>>(),
            there.iter().collect::<Vec<_>>()
        );
        assert!(page.items.iter().all(|item| item.body == "\"old\"" && item.version == Version::first(NOW)));
    }
    table.commit(&good, later(1)).await.unwrap();
    let left =
        good.iter().filter(|write| !matches!(write, Write::Delete { .. })).map(|write| write.key().clone());
    assert_eq!(walk(table, &all, later(1)).await, left.collect::<Vec<_>>());
}

/// Of several writes whose conditions fail, the first in the commit is the one that is named, whatever their kinds.
pub async fn the_first_of_several_conflicts_is_named(table: Arc<dyn Table>) {
    let partition = partition();
    before(&*table, &partition).await;
    let good = writes(&partition);
    for first in 0..10 {
        let mut bad = good.clone();
        for at in first..good.len() {
            bad[at] = spoilt(&good[at]);
        }
        let answer = table.commit(&bad, later(1)).await;
        assert!(
            matches!(answer, Err(CommitError::Conflict { write }) if write == first),
            "from {first}: {answer:?}"
        );
    }
}

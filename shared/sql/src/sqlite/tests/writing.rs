use super::*;
use crate::statement;

fn batches(commits: &[&[Write]]) -> Vec<Vec<Statement>> {
    commits.iter().map(|writes| statement::commit(writes, NOW)).collect()
}

#[test]
fn a_conflict_takes_only_itself_out_of_its_group() {
    let mut connection = open::memory().unwrap();
    let group = batches(&[
        &[create("a")],
        &[create("b"), create("a")],
        &[create("c")],
        &[Write::Delete { key: key("a"), condition: None }],
        &[create("a")],
    ]);
    let answers = writer::commit_group(&mut connection, "x", &group);
    let conflicts: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().cloned()).collect();
    assert_eq!(conflicts, [None, Some(DriverError::Check("write_1".into())), None, None, None]);
    let left: Vec<String> = connection
        .prepare("SELECT sort FROM item")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(left, ["a", "c"]);
}

#[test]
fn a_batch_that_fails_behind_its_changes_is_undone() {
    let mut connection = open::memory().unwrap();
    let [mut first] = <[_; 1]>::try_from(batches(&[&[create("a")]])).unwrap();
    let [second] = <[_; 1]>::try_from(batches(&[&[create("b")]])).unwrap();
    // The guard of an item that exists by then.
    first.push(first[0].clone());
    let answers = writer::commit_group(&mut connection, "x", &[first, second]);
    assert_eq!(answers[0], Err(DriverError::Check("write_0".into())));
    assert!(answers[1].is_ok());
    let left: String =
        connection.query_row("SELECT group_concat(sort) FROM item", [], |row| row.get(0)).unwrap();
    assert_eq!(left, "b");
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_turn_has_no_effect() {
    let (_folder, path) = place();
    let (table, writer) = opened(&path);
    {
        let _busy = writer.lock().unwrap();
        let left = [create("left")];
        let mut commit = table.commit(&left, NOW);
        assert!(poll_once(&mut commit).is_none());
    }
    table.commit(&[create("stayed")], NOW).await.unwrap();
    assert!(is_there(&table, "stayed").await);
    assert!(!is_there(&table, "left").await);
}

/// Polls a future once.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_purge_removes_the_oldest_expired_items_and_no_others() {
    let table = SqlTable::new(Sqlite::open_in_memory().unwrap());
    let at = |secs| NOW + std::time::Duration::from_secs(secs);
    let writes: Vec<_> = [("a", 3), ("b", 1), ("c", 2), ("d", 9)]
        .map(|(sort, secs)| create(sort).expiring(at(secs)).indexed(Key::new("i", sort)))
        .into_iter()
        .chain([create("e")])
        .collect();
    table.commit(&writes, NOW).await.unwrap();
    assert_eq!(table.purge(NOW, 10).await.unwrap(), 0);
    assert_eq!(table.purge(at(3), 2).await.unwrap(), 2);
    // Before the expiry of all items, the stored ones are still visible.
    let kept = table.query(&Query::prefix("p", "", 10), NOW).await.unwrap();
    assert_eq!(kept.items.iter().map(|item| item.key.sort.as_str()).collect::<Vec<_>>(), ["a", "d", "e"]);
    assert_eq!(table.purge(at(3), 10).await.unwrap(), 1);
    assert_eq!(table.purge(at(3), 10).await.unwrap(), 0);
    assert_eq!(count(&table).await, 2);
}

/// A clock that stands still.
struct Still(Timestamp);

impl latchkey_core::port::Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[tokio::test]
async fn a_purge_goes_on_while_there_is_more_and_others_write_in_between() {
    let table = SqlTable::new(Sqlite::open_in_memory().unwrap());
    let soon = NOW + Duration::from_secs(1);
    let sorts: Vec<_> = (0..3_200).map(|n| format!("{n:06}")).collect();
    for some in sorts.chunks(100) {
        let writes: Vec<_> = some.iter().map(|sort| create(sort).expiring(soon)).collect();
        table.commit(&writes, NOW).await.unwrap();
    }
    fill_others(&table).await;
    // A bounded purge, such as one event of a Worker, stops at its bound.
    let purged = crate::purge(&table, &Still(soon), 2, async || {}).await;
    assert_eq!((purged.removed, purged.failure.is_none()), (1_000, true));
    let written = AtomicI64::new(0);
    let pause = async || {
        let number = written.fetch_add(1, Ordering::Relaxed);
        table.commit(&[create(&format!("between {number}"))], soon).await.unwrap();
    };
    let purged = crate::purge(&table, &Still(soon), u32::MAX, pause).await;
    assert_eq!((purged.removed, purged.failure.is_none()), (2_200, true));
    assert_eq!(written.load(Ordering::Relaxed), 4);
    // Even at a time before their expiry the items are gone.
    assert_eq!(count(&table).await, 14);
    assert_eq!(crate::purge(&table, &Still(soon), u32::MAX, async || {}).await.removed, 0);
}

async fn fill_others(table: &SqlTable<Sqlite>) {
    for n in 0..10 {
        table.commit(&[create(&format!("stays {n}"))], NOW).await.unwrap();
    }
}

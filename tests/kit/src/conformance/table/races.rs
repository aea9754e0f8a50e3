use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Key, Write};
use tokio::task::JoinSet;

use super::{NOW, create, partition, read, replace};

/// Of 200 creates of one key at once, one wins. Each also writes an item of its own, which only the winner's commit leaves.
pub async fn parallel_creates_have_one_winner(table: Arc<dyn Table>) {
    let partition = partition();
    let key = Key::new(&partition, "wanted");
    let own = move |n: u32| Key::new(&partition, format!("own-{n:03}"));
    let mut tasks = JoinSet::new();
    for n in 0..200 {
        let (table, writes) = (Arc::clone(&table), [create(&own(n), "own"), create(&key, &n.to_string())]);
        tasks.spawn(async move { (n, table.commit(&writes, NOW).await) });
    }
    let mut winners = Vec::new();
    for (n, answer) in tasks.join_all().await {
        match answer {
            Ok(()) => winners.push(n),
            Err(CommitError::Conflict { write }) => assert_eq!(write, 1),
            Err(CommitError::Store(error)) => panic!("{error}"),
        }
    }
    let [winner] = winners[..] else { panic!("{} winners", winners.len()) };
    assert_eq!(read(&*table, &key, NOW).await.unwrap().decode::<String>().unwrap(), winner.to_string());
    for n in 0..200 {
        assert_eq!(read(&*table, &own(n), NOW).await.is_some(), n == winner, "{n}");
    }
}

/// Tasks that each add to one counter, and try again at a conflict, lose no addition.
pub async fn parallel_updates_are_not_lost(table: Arc<dyn Table>) {
    const TASKS: u64 = 16;
    const EACH: u64 = 8;
    let key = Key::new(partition(), "counter");
    table.commit(&[Write::create(key.clone(), &0).unwrap()], NOW).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (table, key) = (Arc::clone(&table), key.clone());
        tasks.spawn(async move {
            for _ in 0..EACH {
                // Somebody else's success is behind each conflict, so nobody meets more of them than there are additions.
                let mut conflicts = 0;
                while !add(&*table, &key).await {
                    conflicts += 1;
                    assert!(conflicts <= TASKS * EACH, "conflicts without anybody's success");
                }
            }
        });
    }
    tasks.join_all().await;
    let item = read(&*table, &key, NOW).await.unwrap();
    assert_eq!(item.decode::<u64>().unwrap(), TASKS * EACH);
}

async fn add(table: &dyn Table, key: &Key) -> bool {
    let item = read(table, key, NOW).await.unwrap();
    let next = item.decode::<u64>().unwrap() + 1;
    match table.commit(&[Write::replace(key.clone(), &next, item.version).unwrap()], NOW).await {
        Ok(()) => true,
        Err(CommitError::Conflict { write: 0 }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Transfers between pairs of items, in both directions at once, neither make nor lose anything.
pub async fn parallel_transfers_keep_the_sum(table: Arc<dyn Table>) {
    let partition = partition();
    let keys = ["a", "b", "c"].map(|sort| Key::new(&partition, sort));
    let full: Vec<_> = keys.iter().map(|key| create(key, &"x".repeat(100))).collect();
    table.commit(&full, NOW).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (table, from, to) =
            (Arc::clone(&table), keys[n % 3].clone(), keys[(n + 1 + n / 3 % 2) % 3].clone());
        tasks.spawn(async move {
            for _ in 0..5 {
                transfer(&*table, &from, &to).await;
            }
        });
    }
    tasks.join_all().await;
    let mut sum = 0;
    for key in &keys {
        sum += read(&*table, key, NOW).await.unwrap().decode::<String>().unwrap().len();
    }
    assert_eq!(sum, 300);
}

/// Moves one letter, unless either item changes meanwhile.
async fn transfer(table: &dyn Table, from: &Key, to: &Key) {
    let (giver, taker) = (read(table, from, NOW).await.unwrap(), read(table, to, NOW).await.unwrap());
    let (left, right) = (giver.decode::<String>().unwrap(), taker.decode::<String>().unwrap());
    let writes = [replace(from, &left[1..], giver.version), replace(to, &format!("{right}x"), taker.version)];
    match table.commit(&writes, NOW).await {
        Ok(()) | Err(CommitError::Conflict { .. }) => {}
        Err(CommitError::Store(error)) => panic!("{error}"),
    }
}

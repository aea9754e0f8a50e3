use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Condition, Item, Key, List, Query, Version, Write};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::{NOW, partition, walk, walk_index};
use crate::ModelTable;

const PARTITIONS: usize = 2;
const SORTS: usize = 3;

/// What a write demands, seen from what the model keeps under its key.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// Whatever holds.
    Right,
    Absent,
    Kept,
    Older,
    Newer,
}

#[derive(Debug, Clone)]
enum Action {
    Put { wanted: Wanted, ends_in: Option<i64>, place: Option<(usize, usize)> },
    Delete(Wanted),
    Check(Wanted),
}

#[derive(Debug, Clone)]
enum Step {
    /// Moves the clock by so many milliseconds, perhaps back.
    Wait(i64),
    /// Each action is about the key of its number.
    Commit(Vec<(usize, Action)>),
    /// Walks the list of this number between two sort keys.
    Walk { list: usize, from: Option<usize>, until: Option<usize>, descending: bool, limit: u32 },
}

/// Any history ends in the store as it does in [`ModelTable`], with the same answer at each step. One that does not is
/// shrunk to a short one and shown. The variable `PROPTEST_CASES` changes how many are tried.
pub async fn random_histories_end_as_in_the_model(table: Arc<dyn Table>) {
    let config = Config::default();
    let cases = config.cases.div_ceil(4);
    let mut runner = TestRunner::new(config);
    for _ in 0..cases {
        let mut tree = history().new_tree(&mut runner).unwrap();
        let mut shortest = None;
        // The loop of proptest's own runner, which cannot await.
        loop {
            let steps = tree.current();
            let smaller = match replay(&*table, &steps).await {
                Ok(()) if shortest.is_none() => break,
                Ok(()) => tree.complicate(),
                Err(difference) => {
                    shortest = Some((difference, steps));
                    tree.simplify()
                }
            };
            if !smaller {
                break;
            }
        }
        if let Some((difference, steps)) = shortest {
            panic!("{difference}\nafter {steps:#?}");
        }
    }
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..24)
}

fn step() -> impl Strategy<Value = Step> {
    let actions = proptest::sample::subsequence((0..PARTITIONS * SORTS).collect::<Vec<_>>(), 1..=4)
        .prop_shuffle()
        .prop_flat_map(|keys| keys.into_iter().map(|key| (Just(key), action())).collect::<Vec<_>>());
    let sort = || proptest::option::of(0..SORTS + 1);
    prop_oneof![
        2 => (-10..30_i64).prop_map(Step::Wait),
        5 => actions.prop_map(Step::Commit),
        3 => (0..2 * PARTITIONS, sort(), sort(), any::<bool>(), 1..5_u32)
            .prop_map(|(list, from, until, descending, limit)| Step::Walk { list, from, until, descending, limit }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let wanted = || {
        prop_oneof![
            12 => Just(Wanted::Right),
            1 => Just(Wanted::Absent),
            3 => Just(Wanted::Kept),
            1 => Just(Wanted::Older),
            1 => Just(Wanted::Newer)
        ]
    };
    let place = (0..PARTITIONS, 0..SORTS);
    prop_oneof![
        6 => (wanted(), proptest::option::of(-2..30_i64), proptest::option::of(place))
            .prop_map(|(wanted, ends_in, place)| Action::Put { wanted, ends_in, place }),
        2 => wanted().prop_map(Action::Delete),
        1 => wanted().prop_map(Action::Check),
    ]
}

/// The names that a replay uses: fresh ones each time.
struct Names {
    keys: Vec<Key>,
    lists: Vec<List>,
    indexes: Vec<String>,
}

impl Names {
    fn new() -> Self {
        let partitions: Vec<String> = (0..PARTITIONS).map(|_| partition()).collect();
        let indexes: Vec<String> = (0..PARTITIONS).map(|_| partition()).collect();
        let keys = partitions
            .iter()
            .flat_map(|one| (0..SORTS).map(move |sort| Key::new(one, sort.to_string())))
            .collect();
        let lists = partitions
            .into_iter()
            .map(List::Partition)
            .chain(indexes.iter().cloned().map(List::Index))
            .collect();
        Self { keys, lists, indexes }
    }

    /// The write of `action` about the key of this number, of which the model keeps `item`.
    fn write(&self, key: usize, action: &Action, item: Option<&Item>, step: usize, now: Timestamp) -> Write {
        let named = self.keys[key].clone();
        match action {
            Action::Check(wanted) => Write::Check { key: named, condition: condition(*wanted, item, now) },
            Action::Delete(wanted) => {
                let condition = match condition(*wanted, item, now) {
                    Condition::Unchanged(version) => Some(version),
                    // A delete cannot demand this, so it demands nothing.
                    Condition::Absent => None,
                };
                Write::Delete { key: named, condition }
            }
            Action::Put { wanted, ends_in, place } => Write::Put {
                key: named,
                body: step.to_string(),
                // With the key in it, as the order of equal places is the store's own.
                index: place.map(|(index, sort)| Key::new(&self.indexes[index], format!("{sort}{key}"))),
                expires_at: ends_in.map(|millis| moved(now, millis)),
                condition: condition(*wanted, item, now),
            },
        }
    }
}

fn condition(wanted: Wanted, item: Option<&Item>, now: Timestamp) -> Condition {
    let live = item.is_some_and(|item| item.expires_at.is_none_or(|end| end > now));
    // A version that was never given, where nothing is kept.
    let Version(kept) = item.map_or(Version(7), |item| item.version);
    match wanted {
        Wanted::Right if !live => Condition::Absent,
        Wanted::Absent => Condition::Absent,
        Wanted::Right | Wanted::Kept => Condition::Unchanged(Version(kept)),
        Wanted::Older => Condition::Unchanged(Version(kept - 1)),
        Wanted::Newer => Condition::Unchanged(Version(kept + 1)),
    }
}

fn moved(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + millis)
}

/// Does the same to the table and to a model; the error says where they differ.
async fn replay(table: &dyn Table, steps: &[Step]) -> Result<(), String> {
    let (model, names) = (ModelTable::new(), Names::new());
    let mut now = NOW;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Wait(millis) => now = moved(now, *millis),
            Step::Commit(actions) => {
                let kept = everything(&model, &names).await;
                let writes: Vec<Write> = actions
                    .iter()
                    .map(|(key, action)| names.write(*key, action, kept[*key].as_ref(), number, now))
                    .collect();
                let expected = outcome(model.commit(&writes, now).await);
                same(number, "commit", &expected, &outcome(table.commit(&writes, now).await))?;
                let expected = model.get(&names.keys, now).await.unwrap();
                same(
                    number,
                    "get",
                    &expected,
                    &table.get(&names.keys, now).await.map_err(|error| error.to_string())?,
                )?;
            }
            Step::Walk { list, from, until, descending, limit } => {
                let sort = |sort: &Option<usize>| sort.map(|sort| sort.to_string());
                let query = Query {
                    from: sort(from),
                    until: sort(until),
                    descending: *descending,
                    ..Query::all(names.lists[*list].clone(), *limit)
                };
                let expected = walk(&model, &query, now).await;
                let found = match query.list {
                    List::Partition(_) => walk(table, &query, now).await,
                    List::Index(_) => walk_index(table, &query, &expected, now).await,
                };
                same(number, "walk", &expected, &found)?;
            }
        }
    }
    Ok(())
}

/// What the model keeps under each key, ended or not.
async fn everything(model: &ModelTable, names: &Names) -> Vec<Option<Item>> {
    model.get(&names.keys, NOW - Duration::from_hours(1)).await.unwrap()
}

fn outcome(answer: Result<(), CommitError>) -> Result<(), String> {
    answer.map_err(|error| error.to_string())
}

fn same<T: PartialEq + Debug>(step: usize, what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("step {step}: {what} gave {found:?}, expected {expected:?}"))
}

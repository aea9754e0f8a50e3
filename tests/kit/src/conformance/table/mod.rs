//! The rules of the [`Table`] port.

mod commits;
mod conditions;
mod expiry;
mod histories;
mod index;
mod keys;
mod limits;
mod paging;
mod races;
mod reading;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_core::Timestamp;
use latchkey_core::port::Table;
use latchkey_core::port::table::{CommitError, Item, Key, List, Page, Query, Version, Write};

pub use commits::*;
pub use conditions::*;
pub use expiry::*;
pub use histories::*;
pub use index::*;
pub use keys::*;
pub use limits::*;
pub use paging::*;
pub use races::*;
pub use reading::*;

/// Makes one test of each rule. `$make` is evaluated in each of them and gives a pair: the table, as an
/// `Arc<dyn Table>` or what coerces to it, and whatever must live as long as it is used. It may await.
///
/// `ignore = "why", $make` marks the tests as ignored, for a store that not every machine has.
///
/// The crate that calls this needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! table_conformance {
    (ignore = $why:literal, $make:expr) => {
        $crate::table_conformance! { @all [#[ignore = $why]] $make }
    };
    ($make:expr) => {
        $crate::table_conformance! { @all [] $make }
    };
    (@all $attributes:tt $make:expr) => {
        $crate::table_conformance! { @each $attributes $make;
            a_commit_is_read_back
            a_get_answers_in_the_order_of_its_keys
            bodies_are_kept_to_the_letter
            a_create_demands_absence
            a_replacement_demands_the_version_that_was_read
            a_delete_demands_a_version_or_nothing
            a_check_writes_nothing_and_guards_the_commit
            a_version_does_not_come_back
            a_conflict_leaves_nothing_of_the_commit
            the_first_of_several_conflicts_is_named
            parallel_creates_have_one_winner
            parallel_updates_are_not_lost
            parallel_transfers_keep_the_sum
            an_item_is_there_until_its_end
            an_ended_item_counts_as_absent
            an_ended_item_counts_as_gone_for_a_version
            an_ended_item_can_be_removed
            pages_move_over_ended_items
            pages_walk_a_partition_both_ways
            a_range_includes_its_start_and_not_its_end
            several_lists_at_once_are_as_one_by_one
            a_walk_survives_what_is_written_meanwhile
            a_cursor_that_was_made_up_is_refused
            a_cursor_that_was_tampered_with_stays_in_its_list
            the_index_lists_items_by_their_place
            the_index_follows_its_items
            index_pages_split_equal_places
            keys_are_compared_byte_by_byte
            partitions_are_compared_byte_by_byte
            a_prefix_is_no_pattern
            what_is_at_a_limit_is_accepted
            what_is_over_a_limit_is_refused
            random_histories_end_as_in_the_model
        }
    };
    (@each $attributes:tt $make:expr; $($rule:ident)*) => {
        $( $crate::table_conformance! { @one $attributes $make; $rule } )*
    };
    (@one [$($attribute:tt)*] $make:expr; $rule:ident) => {
        $($attribute)*
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $rule() {
            let (table, _kept) = $make;
            $crate::conformance::table::$rule(table).await;
        }
    };
}

/// When rules happen: in 2096, so that a store that removes ended items by its own clock removes none of these.
const NOW: Timestamp = Timestamp::from_millis(4_000_000_000_000);

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

/// The name of a partition that no other rule and no other run uses.
fn partition() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Not the test's own generator: a second run against the same store must not meet what the first one left.
    format!("conformance-{:016x}", RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn create(key: &Key, body: &str) -> Write {
    Write::create(key.clone(), &body).unwrap()
}

fn replace(key: &Key, body: &str, version: Version) -> Write {
    Write::replace(key.clone(), &body, version).unwrap()
}

fn delete(key: &Key, condition: Option<Version>) -> Write {
    Write::Delete { key: key.clone(), condition }
}

async fn read(table: &dyn Table, key: &Key, now: Timestamp) -> Option<Item> {
    let [item] = <[_; 1]>::try_from(table.get(std::slice::from_ref(key), now).await.unwrap()).unwrap();
    item
}

/// Commits one write, and gives the place of its conflict if there is one.
async fn conflict(table: &dyn Table, write: Write, now: Timestamp) -> Option<usize> {
    match table.commit(&[write], now).await {
        Ok(()) => None,
        Err(CommitError::Conflict { write }) => Some(write),
        Err(CommitError::Store(error)) => panic!("{error}"),
    }
}

/// Every page of `query`, each checked against its limit.
async fn pages(table: &dyn Table, query: &Query, now: Timestamp) -> Vec<Page> {
    let mut query = query.clone();
    let mut pages = Vec::new();
    loop {
        let page = table.query(&query, now).await.unwrap();
        assert!(
            page.items.len() <= query.limit as usize,
            "a page of {} for a limit of {}",
            page.items.len(),
            query.limit
        );
        query.after.clone_from(&page.next);
        pages.push(page);
        if query.after.is_none() {
            return pages;
        }
        assert!(pages.len() < 1000, "the walk does not end");
    }
}

/// The keys of a whole list in its order.
async fn walk(table: &dyn Table, query: &Query, now: Timestamp) -> Vec<Key> {
    pages(table, query, now).await.into_iter().flat_map(|page| page.items).map(|item| item.key).collect()
}

/// The same for an index, which may lag behind: asked again until it is as `expected`, or is clearly never going to be.
async fn walk_index(table: &dyn Table, query: &Query, expected: &[Key], now: Timestamp) -> Vec<Key> {
    assert!(matches!(query.list, List::Index(_)));
    for _ in 0..100 {
        if walk(table, query, now).await == expected {
            break;
        }
    }
    walk(table, query, now).await
}

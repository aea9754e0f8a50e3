//! What every [`Cache`] must do, seen from the process that puts and deletes.
//!
//! Times are given, never waited for, and each rule uses keys of its own.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::adapter::AuthenticCache;
use latchkey_core::port::{Cache, CacheStore};

use crate::authentic::{SECRET, SharedStore, authentic, sealer};

/// Makes a `#[tokio::test]` of each rule. Takes an expression that gives a future of an `Arc<dyn Cache>`; the
/// crate that calls it needs `latchkey-core`, and `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! cache_conformance {
    ($new:expr) => {
        $crate::cache_conformance!(
            @rules $new;
            what_was_put_is_read_back
            what_was_never_put_is_missing
            a_lifetime_ends_while_the_entry_is_still_stored
            a_lifetime_below_the_floor_of_the_store_ends_in_time
            the_ends_of_lifetime_break_nothing
            a_put_replaces_value_and_lifetime
            what_was_deleted_is_missing
            deleting_what_is_missing_is_no_error
            keys_are_independent
            odd_keys_are_kept_apart
            odd_values_are_kept_whole
            parallel_puts_leave_one_of_their_values
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let cache: std::sync::Arc<dyn ::latchkey_core::port::Cache> = $new.await;
                $crate::conformance::cache::$rule(&cache).await;
            }
        )*
    };
}

/// The same for a [`CacheStore`] under an [`AuthenticCache`](latchkey_core::adapter::AuthenticCache): what others write is never
/// given. Takes an expression that gives a future of an `Arc<dyn CacheStore>`.
#[macro_export]
macro_rules! cache_store_conformance {
    ($new:expr) => {
        $crate::cache_store_conformance!(
            @rules $new;
            what_others_wrote_is_missing
            an_entry_counts_under_its_own_key_and_until_its_own_end
            a_rotated_secret_still_reads
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let store: std::sync::Arc<dyn ::latchkey_core::port::CacheStore> = $new.await;
                $crate::conformance::cache::$rule(store).await;
            }
        )*
    };
}

const MINUTE: Duration = Duration::from_mins(1);

/// A key that no other run uses: the standard library's hasher is the one random source it has.
fn fresh(name: &str) -> String {
    format!("conformance:{name}:{:016x}", RandomState::new().build_hasher().finish())
}

/// Some seconds after a fixed moment.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

async fn get(cache: &Arc<dyn Cache>, key: &str, now: Timestamp) -> Option<String> {
    cache.get(key, now).await.expect("the store answers")
}

async fn put(cache: &Arc<dyn Cache>, key: &str, value: &str, lifetime: Duration, now: Timestamp) {
    cache.put(key, value, lifetime, now).await.expect("the store answers");
}

async fn delete(cache: &Arc<dyn Cache>, key: &str) {
    cache.delete(key).await.expect("the store answers");
}

/// A value comes back as often as it is asked for.
pub async fn what_was_put_is_read_back(cache: &Arc<dyn Cache>) {
    let key = fresh("put");
    put(cache, &key, "value", MINUTE, at(0)).await;
    assert_eq!(get(cache, &key, at(0)).await.as_deref(), Some("value"));
    assert_eq!(get(cache, &key, at(30)).await.as_deref(), Some("value"));
}

/// A key without a value gives none.
pub async fn what_was_never_put_is_missing(cache: &Arc<dyn Cache>) {
    assert_eq!(get(cache, &fresh("missing"), at(0)).await, None);
}

/// An entry is gone when its time is over, though the store's own clock has not moved.
pub async fn a_lifetime_ends_while_the_entry_is_still_stored(cache: &Arc<dyn Cache>) {
    let key = fresh("lifetime");
    put(cache, &key, "value", 2 * MINUTE, at(0)).await;
    let end = at(120);
    assert_eq!(get(cache, &key, end - Duration::from_millis(1)).await.as_deref(), Some("value"));
    assert_eq!(get(cache, &key, end).await, None);
    assert_eq!(get(cache, &key, at(86_400)).await, None);
}

/// The same where the store holds nothing for less than a minute.
pub async fn a_lifetime_below_the_floor_of_the_store_ends_in_time(cache: &Arc<dyn Cache>) {
    let key = fresh("floor");
    put(cache, &key, "value", Duration::from_millis(1500), at(0)).await;
    assert_eq!(get(cache, &key, at(1)).await.as_deref(), Some("value"));
    assert_eq!(get(cache, &key, at(0) + Duration::from_millis(1500)).await, None);
}

/// No lifetime at all gives nothing back; the longest there is does not overflow.
pub async fn the_ends_of_lifetime_break_nothing(cache: &Arc<dyn Cache>) {
    let key = fresh("no lifetime");
    put(cache, &key, "value", Duration::ZERO, at(0)).await;
    assert_eq!(get(cache, &key, at(0)).await, None);
    put(cache, &key, "value", Duration::MAX, at(0)).await;
    assert_eq!(get(cache, &key, at(86_400)).await.as_deref(), Some("value"));
}

/// A second put counts alone: its value, and its lifetime, be it longer or shorter.
pub async fn a_put_replaces_value_and_lifetime(cache: &Arc<dyn Cache>) {
    let key = fresh("replace");
    put(cache, &key, "first", MINUTE, at(0)).await;
    put(cache, &key, "second", 3 * MINUTE, at(30)).await;
    assert_eq!(get(cache, &key, at(209)).await.as_deref(), Some("second"));
    assert_eq!(get(cache, &key, at(210)).await, None);
    put(cache, &key, "third", 10 * MINUTE, at(0)).await;
    put(cache, &key, "fourth", MINUTE, at(0)).await;
    assert_eq!(get(cache, &key, at(59)).await.as_deref(), Some("fourth"));
    assert_eq!(get(cache, &key, at(60)).await, None);
}

/// A delete takes the entry away, and a later put brings one back.
pub async fn what_was_deleted_is_missing(cache: &Arc<dyn Cache>) {
    let (key, other) = (fresh("delete"), fresh("other"));
    put(cache, &key, "value", MINUTE, at(0)).await;
    put(cache, &other, "other", MINUTE, at(0)).await;
    delete(cache, &key).await;
    assert_eq!(get(cache, &key, at(0)).await, None);
    assert_eq!(get(cache, &other, at(0)).await.as_deref(), Some("other"));
    put(cache, &key, "again", MINUTE, at(0)).await;
    assert_eq!(get(cache, &key, at(0)).await.as_deref(), Some("again"));
}

/// Deleting a key that was never there, or is there no more, does nothing.
pub async fn deleting_what_is_missing_is_no_error(cache: &Arc<dyn Cache>) {
    let key = fresh("never");
    delete(cache, &key).await;
    put(cache, &key, "value", MINUTE, at(0)).await;
    delete(cache, &key).await;
    delete(cache, &key).await;
    assert_eq!(get(cache, &key, at(0)).await, None);
}

/// Keys that differ, in case alone too, are apart.
pub async fn keys_are_independent(cache: &Arc<dyn Cache>) {
    let key = fresh("Key");
    let keys = [key.clone(), key.to_lowercase(), key.to_uppercase(), format!("{key}:"), format!("{key} ")];
    keep_apart(cache, &keys).await;
}

/// Keys may hold any text, and none.
pub async fn odd_keys_are_kept_apart(cache: &Arc<dyn Cache>) {
    let key = fresh("odd");
    let odd = ["/..", "{}", "*", "%2f", "'\";--", "\0", "\n", "é", "e\u{301}", "😀"];
    let mut keys: Vec<String> = odd.iter().map(|odd| format!("{key}{odd}")).collect();
    keys.extend(["", ".", ".."].map(str::to_owned));
    keep_apart(cache, &keys).await;
}

async fn keep_apart(cache: &Arc<dyn Cache>, keys: &[String]) {
    for (n, key) in keys.iter().enumerate() {
        put(cache, key, &n.to_string(), MINUTE, at(0)).await;
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(get(cache, key, at(0)).await, Some(n.to_string()), "{key:?}");
    }
}

/// Values may hold any text: none, any character, 100 KB.
pub async fn odd_values_are_kept_whole(cache: &Arc<dyn Cache>) {
    let key = fresh("value");
    let large = "0123456789".repeat(10_240);
    for value in ["", " ", "null", "\"", "\0", "a\r\nb", "{\"a\":[1,2]}", "é e\u{301} 😀 \u{feff}", &large]
    {
        put(cache, &key, value, MINUTE, at(0)).await;
        let read = get(cache, &key, at(0)).await;
        assert!(read.as_deref() == Some(value), "{value:.40?} came back as {read:.40?}");
    }
}

/// Of puts at once on one key one is left, whole.
pub async fn parallel_puts_leave_one_of_their_values(cache: &Arc<dyn Cache>) {
    let key = fresh("parallel");
    let tasks: Vec<_> = (0..50)
        .map(|n: u32| {
            let (cache, key) = (Arc::clone(cache), key.clone());
            tokio::spawn(async move {
                put(&cache, &key, &n.to_string().repeat(100), MINUTE, at(0)).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no put panics");
    }
    let left = get(cache, &key, at(0)).await.expect("a value is left");
    assert!((0..50).any(|n: u32| left == n.to_string().repeat(100)), "{left}");
}

/// Another secret than the one of tests.
const OTHER_SECRET: &str = "wjb4tv0iY2WTyCXVzXz1MhrpyXHpQ2lNkLMzSVvzLZk=";

fn under(secret: &str, store: &Arc<dyn CacheStore>) -> Arc<dyn Cache> {
    Arc::new(AuthenticCache::new(SharedStore(Arc::clone(store)), sealer(secret)))
}

/// Text that no holder of the secret wrote is a miss, whatever form it has; and so is an entry with any byte changed.
pub async fn what_others_wrote_is_missing(store: Arc<dyn CacheStore>) {
    let cache = authentic(SharedStore(Arc::clone(&store)));
    let (key, other) = (fresh("forged"), under(OTHER_SECRET, &store));
    let forge = |n: usize| format!("{key}:{n}");
    let no_tag = "A".repeat(43);
    let forgeries = [
        "",
        ".",
        "..",
        "value",
        "9999999999999:value",
        ".9999999999999.value",
        &format!("{no_tag}.9999999999999.value"),
    ];
    for (n, text) in forgeries.into_iter().enumerate() {
        store.put(&forge(n), text, MINUTE, at(0)).await.expect("the store answers");
        assert_eq!(get(&cache, &forge(n), at(0)).await, None, "{text:?}");
    }
    put(&other, &key, "value", MINUTE, at(0)).await;
    assert_eq!(get(&cache, &key, at(0)).await, None, "another secret's");
    let good = fresh("good");
    put(&cache, &good, "user: []", MINUTE, at(0)).await;
    let text = store.get(&good, at(0)).await.expect("the store answers").expect("an entry");
    for (n, (place, _)) in text.char_indices().enumerate() {
        let mut changed = text.clone().into_bytes();
        if let Some(byte) = changed.get_mut(place) {
            // The last letter of the tag has bits that nothing uses; flipping all of them reaches those that count.
            *byte ^= 0b0001_1111;
        }
        let changed = String::from_utf8_lossy(&changed).into_owned();
        let key = format!("{good}:{n}");
        store.put(&key, &changed, MINUTE, at(0)).await.expect("the store answers");
        assert_eq!(get(&cache, &key, at(0)).await, None, "{changed:?}");
    }
}

/// An entry that is copied to another key, or whose end is put off, is a miss.
pub async fn an_entry_counts_under_its_own_key_and_until_its_own_end(store: Arc<dyn CacheStore>) {
    let cache = authentic(SharedStore(Arc::clone(&store)));
    let (key, copy, late) = (fresh("own"), fresh("copy"), fresh("late"));
    put(&cache, &key, "value", MINUTE, at(0)).await;
    let text = store.get(&key, at(0)).await.expect("the store answers").expect("an entry");
    store.put(&copy, &text, MINUTE, at(0)).await.expect("the store answers");
    assert_eq!(get(&cache, &copy, at(0)).await, None);
    put(&cache, &late, "value", MINUTE, at(0)).await;
    let text = store.get(&late, at(0)).await.expect("the store answers").expect("an entry");
    let prolonged = text.replace(&at(60).as_millis().to_string(), &at(3600).as_millis().to_string());
    assert_ne!(text, prolonged);
    store.put(&late, &prolonged, 60 * MINUTE, at(0)).await.expect("the store answers");
    assert_eq!(get(&cache, &late, at(0)).await, None);
    // Kept on as it was, it still ends when it said.
    store.put(&key, &text, 60 * MINUTE, at(0)).await.expect("the store answers");
    assert_eq!(get(&cache, &key, at(60)).await, None);
}

/// What was written under the former secret is read while that is in the list.
pub async fn a_rotated_secret_still_reads(store: Arc<dyn CacheStore>) {
    let key = fresh("rotated");
    put(&under(SECRET, &store), &key, "value", MINUTE, at(0)).await;
    let rotated = under(&format!("{OTHER_SECRET},{SECRET}"), &store);
    assert_eq!(get(&rotated, &key, at(0)).await.as_deref(), Some("value"));
}

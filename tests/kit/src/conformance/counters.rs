//! What every [`Counters`] must do.
//!
//! Times are given, never waited for, and each rule counts under keys of its own: the suite runs as well against a store
//! that others use. Windows last minutes, so that a store that forgets by a clock of its own does not do so in mid-test.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::{Count, Counters, StoreError, Window};

/// Makes a `#[tokio::test]` of each rule. Takes an expression that gives a future of an `Arc<dyn Counters>`; the
/// crate that calls it needs `latchkey-core`, and `tokio` with `macros` and `rt-multi-thread`.
///
/// `ignore_crowds = "why", $new` marks the rules about many hits at once as ignored, for a store where they take long.
#[macro_export]
macro_rules! counters_conformance {
    (ignore_crowds = $why:literal, $new:expr) => {
        $crate::counters_conformance!(@all [#[ignore = $why]] $new);
    };
    ($new:expr) => {
        $crate::counters_conformance!(@all [] $new);
    };
    (@all $crowds:tt $new:expr) => {
        $crate::counters_conformance!(
            @rules $crowds $new;
            the_limit_is_exact_under_parallel_hits
            several_windows_are_exact_under_parallel_hits
        );
        $crate::counters_conformance!(
            @rules [] $new;
            several_windows_are_all_or_nothing
            refused_hits_do_not_prolong_the_refusal
            free_in_is_exact
            used_counts_up_to_the_limit
            windows_slide
            a_time_before_the_last_hit_admits_nothing_more
            keys_are_independent
            odd_keys_are_kept_apart
            large_limits_hold
            no_windows_is_no_hit
            a_hit_that_breaks_the_rules_is_refused_and_not_counted
        );
    };
    (@rules $attributes:tt $new:expr; $($rule:ident)*) => {
        $( $crate::counters_conformance!(@one $attributes $new; $rule); )*
    };
    (@one [$($attribute:tt)*] $new:expr; $rule:ident) => {
        $($attribute)*
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $rule() {
            let counters: std::sync::Arc<dyn ::latchkey_core::port::Counters> = $new.await;
            $crate::conformance::counters::$rule(&counters).await;
        }
    };
}

const MINUTE: Duration = Duration::from_mins(1);

/// A key that no other run uses: the standard library's hasher is the one random source it has.
fn fresh(name: &str) -> String {
    format!("conformance:{name}:{:016x}", RandomState::new().build_hasher().finish())
}

fn window(key: &str, limit: u32) -> Window {
    Window { key: key.to_owned(), limit, length: MINUTE }
}

/// Some seconds after a fixed moment.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

/// One millisecond before.
fn just_before(moment: Timestamp) -> Timestamp {
    moment - Duration::from_millis(1)
}

async fn hit(counters: &Arc<dyn Counters>, windows: &[Window], now: Timestamp) -> Vec<Count> {
    let counts = counters.hit(windows, now).await.expect("the store answers");
    assert_eq!(counts.len(), windows.len(), "one count for each window");
    counts
}

async fn hit_one(counters: &Arc<dyn Counters>, window: &Window, now: Timestamp) -> Count {
    hit(counters, std::slice::from_ref(window), now).await.remove(0)
}

/// How many of `hits` simultaneous hits are counted.
async fn parallel(counters: &Arc<dyn Counters>, windows: &[Window], hits: usize) -> usize {
    let tasks: Vec<_> = (0..hits)
        .map(|_| {
            let (counters, windows) = (Arc::clone(counters), windows.to_vec());
            tokio::spawn(async move { counters.hit(&windows, at(0)).await.expect("the store answers") })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        let counts = task.await.expect("no hit panics");
        admitted += usize::from(counts.iter().all(|count| count.admitted));
    }
    admitted
}

/// Of 200 hits at once on a window of 60, 60 are counted.
pub async fn the_limit_is_exact_under_parallel_hits(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("parallel"), 60);
    assert_eq!(parallel(counters, std::slice::from_ref(&window), 200).await, 60);
    assert_eq!(hit_one(counters, &window, at(0)).await, Count { used: 60, free_in: MINUTE, admitted: false });
}

/// Of 200 hits at once on windows of 60 and of 80, 60 are counted in both, and not one more in either.
pub async fn several_windows_are_exact_under_parallel_hits(counters: &Arc<dyn Counters>) {
    let (small, large) = (window(&fresh("small"), 60), window(&fresh("large"), 80));
    assert_eq!(parallel(counters, &[large.clone(), small.clone()], 200).await, 60);
    assert_eq!(hit_one(counters, &large, at(0)).await.used, 61);
    assert!(!hit_one(counters, &small, at(0)).await.admitted);
}

/// A hit that one window refuses is counted in none, wherever the full one stands; each window says whether it had room.
pub async fn several_windows_are_all_or_nothing(counters: &Arc<dyn Counters>) {
    let (full, open) = (window(&fresh("full"), 1), window(&fresh("open"), 3));
    assert!(hit(counters, &[full.clone(), open.clone()], at(0)).await.iter().all(|count| count.admitted));
    let refused = Count { used: 1, free_in: Duration::from_secs(59), admitted: false };
    let had_room = Count { used: 1, free_in: Duration::ZERO, admitted: true };
    for _ in 0..5 {
        assert_eq!(hit(counters, &[full.clone(), open.clone()], at(1)).await, [refused, had_room]);
        assert_eq!(hit(counters, &[open.clone(), full.clone()], at(1)).await, [had_room, refused]);
    }
    assert_eq!(hit_one(counters, &open, at(1)).await.used, 2);
}

/// Trying again while refused does not make the wait longer.
pub async fn refused_hits_do_not_prolong_the_refusal(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("refused"), 1);
    assert!(hit_one(counters, &window, at(0)).await.admitted);
    for secs in 1..60 {
        assert!(!hit_one(counters, &window, at(secs)).await.admitted, "{secs}");
    }
    assert!(hit_one(counters, &window, at(60)).await.admitted);
}

/// A hit after `free_in` is admitted, one a millisecond earlier is not.
pub async fn free_in_is_exact(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("free"), 3);
    for secs in [0, 7, 20] {
        assert!(hit_one(counters, &window, at(secs)).await.admitted);
    }
    let now = Timestamp::from_millis(at(31).as_millis() + 456);
    let refused = hit_one(counters, &window, now).await;
    assert_eq!(refused, Count { used: 3, free_in: Duration::from_millis(28_544), admitted: false });
    assert!(!hit_one(counters, &window, just_before(now + refused.free_in)).await.admitted);
    let counted = hit_one(counters, &window, now + refused.free_in).await;
    assert_eq!(counted, Count { used: 3, free_in: Duration::from_secs(7), admitted: true });
}

/// `used` includes the hit, and `free_in` is zero until the window is full.
pub async fn used_counts_up_to_the_limit(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("used"), 3);
    for (used, free_in) in [(1, 0), (2, 0), (3, 60)] {
        let expected = Count { used, free_in: Duration::from_secs(free_in), admitted: true };
        assert_eq!(hit_one(counters, &window, at(0)).await, expected);
    }
    assert_eq!(hit_one(counters, &window, at(0)).await, Count { used: 3, free_in: MINUTE, admitted: false });
}

/// Each hit leaves when it is as old as the window is long, not at a fixed beat.
pub async fn windows_slide(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("sliding"), 2);
    for (secs, admitted) in [
        (0, true),
        (50, true),
        (59, false),
        (60, true),
        (61, false),
        (109, false),
        (110, true),
        (119, false),
        (120, true),
    ] {
        assert_eq!(hit_one(counters, &window, at(secs)).await.admitted, admitted, "{secs}");
    }
}

/// A time before the last hit counts as the moment of that hit. The clocks of machines differ by seconds; what a clock that is
/// set back by more means is up to the adapter, which may be the only one that has it.
pub async fn a_time_before_the_last_hit_admits_nothing_more(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("clock"), 2);
    assert!(hit_one(counters, &window, at(100)).await.admitted);
    assert!(hit_one(counters, &window, at(97)).await.admitted);
    let refused = Count { used: 2, free_in: Duration::from_secs(63), admitted: false };
    assert_eq!(hit_one(counters, &window, at(97)).await, refused);
    assert_eq!(hit_one(counters, &window, at(96)).await.free_in, Duration::from_secs(64));
    assert!(!hit_one(counters, &window, just_before(at(160))).await.admitted);
    assert_eq!(hit_one(counters, &window, at(160)).await.used, 1);
}

/// Keys that differ, in case alone too, count apart.
pub async fn keys_are_independent(counters: &Arc<dyn Counters>) {
    let key = fresh("Key");
    for other in [key.clone(), key.to_lowercase(), key.to_uppercase(), format!("{key}:"), format!("{key} ")] {
        assert!(hit_one(counters, &window(&other, 1), at(0)).await.admitted, "{other:?}");
    }
    assert!(!hit_one(counters, &window(&key, 1), at(0)).await.admitted);
}

/// Keys may hold any text, up to their greatest length.
pub async fn odd_keys_are_kept_apart(counters: &Arc<dyn Counters>) {
    let key = fresh("odd");
    let longest = format!("{key}{}", "k".repeat(latchkey_core::adapter::window::MAX_KEY - key.len()));
    let odd = ["/..", "{}", "*", "%2f", "'\";--", "\0", "\n", "é", "e\u{301}", "😀"];
    for key in odd.iter().map(|odd| format!("{key}{odd}")).chain([longest]) {
        let window = window(&key, 1);
        assert!(hit_one(counters, &window, at(0)).await.admitted, "{key:?}");
        assert!(!hit_one(counters, &window, at(0)).await.admitted, "{key:?}");
    }
}

/// A window of hundreds holds hundreds, at one moment too.
pub async fn large_limits_hold(counters: &Arc<dyn Counters>) {
    let window = window(&fresh("large limit"), 300);
    for used in 1..=300 {
        let count = hit_one(counters, &window, at(used / 150)).await;
        assert!(count.admitted && i64::from(count.used) == used, "{used}: {count:?}");
    }
    assert!(!hit_one(counters, &window, at(2)).await.admitted);
    assert_eq!(hit_one(counters, &window, at(60)).await.used, 300 - 149 + 1);
}

/// A hit on no windows answers no counts, where the store answers.
pub async fn no_windows_is_no_hit(counters: &Arc<dyn Counters>) {
    assert!(hit(counters, &[], at(0)).await.is_empty());
}

/// A limit or a length of zero, an empty or too long key and a key named twice are refused before anything is counted.
pub async fn a_hit_that_breaks_the_rules_is_refused_and_not_counted(counters: &Arc<dyn Counters>) {
    let good = window(&fresh("rules"), 5);
    let other = fresh("broken");
    for bad in [
        good.clone(),
        window(&other, 0),
        window("", 5),
        window(&"k".repeat(latchkey_core::adapter::window::MAX_KEY + 1), 5),
        Window { length: Duration::ZERO, ..window(&other, 5) },
        Window { length: Duration::from_micros(1500), ..window(&other, 5) },
    ] {
        let answer = counters.hit(&[good.clone(), bad.clone()], at(0)).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{bad:?}: {answer:?}");
    }
    assert_eq!(hit_one(counters, &good, at(0)).await.used, 1);
}

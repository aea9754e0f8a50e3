//! What every [`PasswordHasher`] must do.
//!
//! The known answers are libargon2's. Most jobs are far weaker than what guards a password, which shows the same and
//! takes no time.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::sync::Arc;

use argon2::Params;
use latchkey_core::SecretString;
use latchkey_core::port::{Derivation, HasherError, PasswordHasher};

/// Makes a `#[tokio::test]` of each rule. Takes an expression that gives a future of an `Arc<dyn PasswordHasher>`; the
/// crate that calls it needs `latchkey-core`, and `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! hasher_conformance {
    ($new:expr) => {
        $crate::hasher_conformance!(
            @rules $new;
            hashes_are_those_of_the_reference_implementation
            parallel_callers_get_each_their_own_hash
            jobs_of_every_size_may_follow_each_other
            a_caller_that_goes_away_harms_nobody
            a_flood_is_served_or_told_busy
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let hasher: std::sync::Arc<dyn ::latchkey_core::port::PasswordHasher> = $new.await;
                $crate::conformance::hasher::$rule(&hasher).await;
            }
        )*
    };
}

fn job(password: &str, salt: [u8; 16], kib: u32, passes: u32, lanes: u32) -> Derivation {
    let params = Params::new(kib, passes, lanes, None).expect("the parameters are valid");
    Derivation::new(SecretString::from(password), salt, params)
}

/// A weak job, different for every number.
fn numbered(number: u8) -> Derivation {
    job(&format!("password {number}"), [number; 16], 32 + u32::from(number), 1, 1)
}

fn direct(job: &Derivation) -> [u8; 32] {
    job.run(&mut Vec::new()).expect("the computation succeeds")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// At the strength that guards passwords, with several lanes, and at the smallest size there is.
pub async fn hashes_are_those_of_the_reference_implementation(hasher: &Arc<dyn PasswordHasher>) {
    let counting = std::array::from_fn(|at| u8::try_from(at).expect("16 fit in a byte"));
    for (job, hash) in [
        (
            job("correct horse battery staple", *b"0123456789abcdef", 19 * 1024, 2, 1),
            "832e52b959b967b570ee4781f6c7bda7ced019ca266ac781fd2d94d4e853b0cd",
        ),
        (
            job("pässwörd 🔑", counting, 64, 3, 4),
            "8e9dd97a80a4751b7639a1e227d6853ab5eb13a35ad7a39189d6b871aabb2460",
        ),
        (job("", [0; 16], 8, 1, 1), "cfa0d2d242da6703d311d7eefc922e39cc60c9f4ec93a67d20995be541a06be4"),
    ] {
        assert_eq!(hex(&hasher.derive(job).await.expect("the hasher is idle")), hash);
    }
}

/// No answer goes to another caller, and no two jobs share memory.
pub async fn parallel_callers_get_each_their_own_hash(hasher: &Arc<dyn PasswordHasher>) {
    let callers: Vec<_> = (0..24)
        .map(|number| {
            let hasher = Arc::clone(hasher);
            tokio::spawn(async move { (number, hasher.derive(numbered(number)).await) })
        })
        .collect();
    for caller in callers {
        let (number, hash) = caller.await.expect("no caller panics");
        assert_eq!(hash.expect("24 callers are few"), direct(&numbered(number)), "{number}");
    }
}

/// Memory that a larger, smaller or equal job left behind changes nothing.
pub async fn jobs_of_every_size_may_follow_each_other(hasher: &Arc<dyn PasswordHasher>) {
    for (kib, lanes) in [(64, 1), (2048, 1), (8, 1), (8, 1), (512, 4), (64, 1), (32, 4), (1024, 2)] {
        let again = || job("the same password", [7; 16], kib, 2, lanes);
        let hash = hasher.derive(again()).await.expect("the hasher is idle");
        assert_eq!(hash, direct(&again()), "{kib} KiB in {lanes} lanes");
    }
}

/// Callers that are cancelled, waiting or not, leave the others their hashes.
pub async fn a_caller_that_goes_away_harms_nobody(hasher: &Arc<dyn PasswordHasher>) {
    let derive = |number| {
        let hasher = Arc::clone(hasher);
        tokio::spawn(async move { hasher.derive(numbered(number)).await })
    };
    for number in 0..8 {
        let (gone, stays) = (derive(number), derive(number + 100));
        gone.abort();
        let hash = stays.await.expect("no caller panics").expect("few callers wait");
        assert_eq!(hash, direct(&numbered(number + 100)));
    }
}

/// Of many callers at once each gets its hash or [`HasherError::Busy`], and when they have gone the next one is served.
pub async fn a_flood_is_served_or_told_busy(hasher: &Arc<dyn PasswordHasher>) {
    let hash = direct(&numbered(1));
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let hasher = Arc::clone(hasher);
            tokio::spawn(async move { hasher.derive(numbered(1)).await })
        })
        .collect();
    for caller in callers {
        match caller.await.expect("no caller panics") {
            Ok(answer) => assert_eq!(answer, hash),
            Err(error) => assert!(matches!(error, HasherError::Busy), "{error}"),
        }
    }
    assert_eq!(hasher.derive(numbered(1)).await.expect("the flood is over"), hash);
}

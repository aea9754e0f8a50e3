//! Equal tags and equal refusals by this crate and the `argon2` crate.

mod cases;

use std::cell::RefCell;

use latchkey_argon2_simd::Block;
use proptest::prelude::*;

thread_local! {
    /// The memory is reused as in a Worker: each case begins with the blocks of the previous one.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

fn compare(case: &cases::Case) -> Result<(), String> {
    MEMORY.with_borrow_mut(|memory| case.compare(memory))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tag_is_the_one_of_the_argon2_crate(case in cases::drawn()) {
        compare(&case).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_bounds_are_those_of_the_argon2_crate(case in cases::at_bounds()) {
        compare(&case).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn the_tags_of_rfc_9106() {
    MEMORY.with_borrow_mut(cases::compare_vectors).unwrap();
}

#[test]
fn a_tag_at_every_recommended_strength_is_the_one_of_the_argon2_crate() {
    for case in cases::listed() {
        compare(&case).unwrap();
    }
}

//! The comparison of `tests/differential.rs` as wasm. `../compare` builds it as Workers are built and runs it
//! in Node.

#![cfg(target_arch = "wasm32")]

// Without this feature the crate computes in plain words, and the comparison would not test its vectors.
#[cfg(not(target_feature = "simd128"))]
compile_error!("the comparison needs -C target-feature=+simd128: run shared/argon2-simd/compare");

#[path = "../tests/cases/mod.rs"]
mod cases;

use latchkey_argon2_simd::Block;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wasm_bindgen::prelude::wasm_bindgen;

/// Compares the vectors of RFC 9106, `drawn` cases of each kind by a seed of 32 bytes, and the listed cases.
/// Returns the number of equal cases besides the vectors, or the first case that differs.
#[wasm_bindgen]
pub fn compare(seed: &[u8], drawn: u32) -> Result<u32, String> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, seed);
    // There is no file of failures, because wasm has no file system.
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut memory: Vec<Block> = Vec::new();
    cases::compare_vectors(&mut memory)?;
    let mut compared = 0;
    let mut compare = |case: &cases::Case| {
        case.compare(&mut memory)?;
        compared += 1;
        Ok::<_, String>(())
    };
    for _ in 0..drawn {
        compare(&cases::drawn().new_tree(&mut runner).map_err(|reason| reason.to_string())?.current())?;
        compare(&cases::at_bounds().new_tree(&mut runner).map_err(|reason| reason.to_string())?.current())?;
    }
    for case in cases::listed() {
        compare(&case)?;
    }
    Ok(compared)
}

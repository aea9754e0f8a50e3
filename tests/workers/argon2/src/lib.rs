//! argon2id as wasm and nothing else: `tests/workers/measure argon2` builds it in several ways and times it in V8.

#![cfg(target_arch = "wasm32")]

mod hash;

use std::cell::RefCell;

use latchkey_argon2_simd::{Argon2, Params, Variant, Version};
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static MEMORY: RefCell<Vec<argon2::Block>> = const { RefCell::new(Vec::new()) };
    static VECTORS: RefCell<Vec<latchkey_argon2_simd::Block>> = const { RefCell::new(Vec::new()) };
}

/// One hash by the `argon2` crate; the text of the error where the parameters are none.
#[wasm_bindgen]
pub fn hash(kibibytes: u32, passes: u32) -> Result<Vec<u8>, String> {
    MEMORY.with_borrow_mut(|memory| {
        hash::hash(memory, kibibytes, passes).map(Vec::from).map_err(|error| error.to_string())
    })
}

/// The same hash in vectors, as a Worker computes it; in plain words where this is built without them.
#[wasm_bindgen]
pub fn hash_in_vectors(kibibytes: u32, passes: u32) -> Result<Vec<u8>, String> {
    VECTORS.with_borrow_mut(|memory| {
        let params = Params::new(kibibytes, passes, 1).map_err(|error| error.to_string())?;
        if memory.len() < params.blocks() {
            memory.resize(params.blocks(), latchkey_argon2_simd::Block::ZERO);
        }
        let mut hash = [0; 32];
        Argon2::new(Variant::Id, Version::V0x13, params)
            .hash(hash::PASSWORD, &hash::SALT, memory, &mut hash)
            .map_err(|error| error.to_string())?;
        Ok(hash.into())
    })
}

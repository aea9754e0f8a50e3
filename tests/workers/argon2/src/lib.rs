//! argon2id as wasm and nothing else: `tests/workers/measure argon2` builds it in several ways and times it in V8.

#![cfg(target_arch = "wasm32")]

mod hash;

use std::cell::RefCell;

use argon2::Block;
use wasm_bindgen::prelude::wasm_bindgen;

thread_local! {
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// One hash; the text of the error where the parameters are none.
#[wasm_bindgen]
pub fn hash(kibibytes: u32, passes: u32) -> Result<Vec<u8>, String> {
    MEMORY.with_borrow_mut(|memory| {
        hash::hash(memory, kibibytes, passes).map(Vec::from).map_err(|error| error.to_string())
    })
}

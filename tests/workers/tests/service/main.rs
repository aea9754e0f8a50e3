//! The whole service as a Worker in workerd, over D1 and KV. `tests/workers/run` starts it, and says which of these fit how
//! it started.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod aborted;
mod binding;
mod budget;
mod burst;
mod cold;
mod limits;
mod misconfigured;
mod races;
mod requests;
mod stores;
mod support;
mod tables;
mod upstash;

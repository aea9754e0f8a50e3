//! Counters, cache and the bridge over a real `redis-server`, which each test starts for itself.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and what only they use"
)]

mod command;
mod conformance;
mod protocol;
mod reference;
mod requests;
mod upstash;

//! The `latchkey` command as a person runs it: the real binary, real sockets, real signals.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and what only they use"
)]

mod administration;
mod connections;
mod crash;
mod d1;
mod http;
mod live;
mod process;
mod refusals;
mod secrets;
mod start;
mod walkthrough;

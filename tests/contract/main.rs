//! The HTTP contract, through the real router: what holds for every route, whatever it does.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails by a panic, in its helpers too"
)]

mod bad_input;
mod cookies;
mod cors;
mod csrf;
mod described;
mod examples;
mod headers;
mod jwt;
mod limits;
mod matrix;
mod proxied;
mod strict;

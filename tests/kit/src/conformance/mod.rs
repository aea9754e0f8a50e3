//! One suite per port, for every adapter, real ones included.
//!
//! A suite is one function per rule of the port, and a macro that makes a test of each. Rules share a store without
//! meeting: each works in partitions of its own, with names that no other run uses.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a rule fails by a panic, as a test does"
)]

pub mod cache;
pub mod clock;
pub mod counters;
pub mod entropy;
pub mod fetch;
pub mod hasher;
pub mod mailer;
pub mod table;

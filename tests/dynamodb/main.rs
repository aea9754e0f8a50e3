//! DynamoDB: the suite of the `Table` port, and what happens between the table and its emulator when the network or the
//! service misbehaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod conformance;
mod costs;
mod faults;
mod ledger;
mod local;
mod proxy;
mod redis;
mod support;
mod table;

//! DynamoDB: the conformance suite of the `Table` port, and faults of the network or the service between the
//! table and its emulator.

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

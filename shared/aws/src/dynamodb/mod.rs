//! The `Table` port on DynamoDB: one table, one index, the clock of the caller.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `pk`, `sk` | S | the key |
//! | `ipk`, `isk` | S | the place in the index `index`, if there is one |
//! | `body` | S | the JSON text |
//! | `version` | N | the version |
//! | `expires_at` | N | when the item ends, in milliseconds since the Unix epoch; decides what is read |
//! | `ttl` | N | the same in seconds, rounded up: when DynamoDB may remove it, which it does up to days later |
//! | `nonce` | B | which call wrote it, where a single write must know its own trace again |
//!
//! Each read is a strong one (`ConsistentRead`), except of the index, where DynamoDB has none. Each write that is tried
//! again after its response was lost is recognised, so that it is neither made twice nor taken for somebody else's.

mod cursor;
#[cfg(feature = "emulator")]
mod emulator;
mod error;
mod expression;
mod http;
mod item;
mod query;
mod replace;
mod retry;
mod schema;
mod settings;
mod table;
mod transaction;

#[cfg(feature = "emulator")]
pub use emulator::Emulator;
pub use schema::create_table;
pub use settings::{DynamoDbSettings, client};
pub use table::DynamoTable;

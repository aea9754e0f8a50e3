//! The `Table` port on DynamoDB: one table, one index, the clock of the caller.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `pk`, `sk` | S | the key |
//! | `ipk`, `isk` | S | the index key in the index `index`, if there is one |
//! | `body` | S | the JSON text |
//! | `version` | N | the version |
//! | `expires_at` | N | expiry in milliseconds since the Unix epoch; decides if the item is read |
//! | `ttl` | N | expiry in seconds, rounded up; DynamoDB removes the item up to days later |
//! | `nonce` | B | the call that wrote the item, where a single write must recognise its own result |
//!
//! Each read is strongly consistent (`ConsistentRead`), except of the index, where DynamoDB does not support
//! it. A write that is retried after a lost response is recognised, so it is neither applied twice nor
//! mistaken for another call's write.

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

//! The ports `Table` and `Counters` in SQLite's dialect: one schema and one set of statements, for a local
//! file and for Cloudflare D1.
//!
//! [`SqlTable`] and [`SqlCounters`] turn each call of their port into one batch of [`Statement`]s, and a
//! [`Driver`] runs a batch as one transaction in one round trip. A driver knows a database but nothing of the
//! domain; the table knows the domain's rules but no database. The driver for a local file is the module
//! `sqlite`, behind the feature `rusqlite`.

mod counters;
mod cursor;
mod driver;
mod page;
mod purge;
mod schema;
#[cfg(feature = "rusqlite")]
pub mod sqlite;
mod statement;
mod table;

pub use counters::SqlCounters;
pub use driver::{Access, Driver, DriverError, Outcome, Row, failed_check};
pub use purge::{Purged, purge};
pub use schema::{MIGRATIONS, Migration};
pub use statement::{Statement, Value};
pub use table::SqlTable;

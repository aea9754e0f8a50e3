//! [`Counters`](latchkey_core::port::Counters) and [`CacheStore`](latchkey_core::port::CacheStore) over
//! Upstash's REST protocol.
//!
//! Every call is one HTTP request through the [`Fetch`](latchkey_core::port::Fetch) port, on any platform. A
//! [`Breaker`], which outlives requests, prevents a database that does not respond from adding its deadline
//! to each of them.

mod breaker;
mod cache;
mod client;
mod counters;
mod failure;
mod settings;

pub use breaker::Breaker;
pub use cache::{MAX_VALUE, UpstashCache};
pub use client::DEADLINE;
pub use counters::UpstashCounters;
pub use settings::UpstashSettings;

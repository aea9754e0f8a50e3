//! Adapters of ports that need no platform.

mod authentic_cache;
mod in_process;
mod table_counters;
pub mod window;

pub use authentic_cache::AuthenticCache;
pub use in_process::{InProcessCache, InProcessCounters};
pub use table_counters::TableCounters;
pub use window::SlidingLog;

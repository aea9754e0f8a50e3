//! What happens when Upstash refuses, is slow, or answers something else: no Redis is needed for that.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and what only they use")]

mod adapters;
mod fake;
mod service;
mod sockets;

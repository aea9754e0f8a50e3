//! Upstash that refuses, is slow, or sends unexpected responses. These tests need no Redis.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests and what only they use")]

mod adapters;
mod fake;
mod service;
mod sockets;

//! Ports of this machine: a pool of hashing threads, and a folder instead of a mail service.

mod hasher;
pub mod mailbox;

pub use hasher::{PoolSize, PooledHasher};
pub use mailbox::Mailbox;

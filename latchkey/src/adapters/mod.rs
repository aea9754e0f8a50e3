//! The ports that are this machine's own: a pool of hashing threads, and a folder in place of a mail service.

mod hasher;
pub mod mailbox;

pub use hasher::{PoolSize, PooledHasher};
pub use mailbox::Mailbox;

//! The ports on one machine: the system's clock and generator, a pool of hashing threads, HTTP by reqwest, and a folder in
//! place of a mail service.

mod clock;
mod entropy;
mod fetch;
mod hasher;
pub mod mailbox;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use fetch::HttpFetch;
pub use hasher::{PoolSize, PooledHasher};
pub use mailbox::Mailbox;

//! Ports: the services that the domain needs from outside, one small trait per need.
//!
//! The types state the consistency. [`Table`] and [`Counters`] are strongly consistent: they hold all facts that must be true
//! now (a credential, uniqueness, a single-use token, a revocation, a count). [`Cache`] may be up to a minute old and cannot
//! replace them. Time and randomness are ports too, so tests control the clock and the generator.
//!
//! All traits are `Send` on every target. An adapter whose futures are not `Send` wraps them.

use std::sync::Arc;

mod cache;
mod clock;
mod counters;
mod entropy;
mod fetch;
mod hasher;
mod id;
mod mailer;
mod pace;
pub mod table;

pub use cache::{Cache, CacheStore};
pub use clock::Clock;
pub use counters::{Count, Counters, Window};
pub use entropy::{Entropy, EntropyError};
pub use fetch::{Fetch, FetchError, MAX_BODY};
pub use hasher::{Derivation, HASH_LEN, HasherError, PasswordHasher};
pub use mailer::{Mailer, MailerError, Message};
pub use pace::{MAX_WAIT, Pace};
pub use table::Table;

pub use crate::model::store::StoreError;

/// Reason that a store that can read cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// Its disk is full.
    #[error("its disk is full; free some space")]
    DiskFull,
    /// It is read-only.
    #[error("it is read-only; let this user write the file and its folder")]
    ReadOnly,
    /// Any other reason; the log has details.
    #[error("a write failed; see the log")]
    Other,
}

/// All ports of a running service. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// Strongly consistent storage.
    pub table: Arc<dyn Table>,
    /// Strongly consistent counters.
    pub counters: Arc<dyn Counters>,
    /// Cache of values that may be up to a minute old.
    pub cache: Arc<dyn Cache>,
    /// Outgoing mail.
    pub mailer: Arc<dyn Mailer>,
    /// Outgoing HTTP.
    pub fetch: Arc<dyn Fetch>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Secure randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Hashing with argon2id.
    pub hasher: Arc<dyn PasswordHasher>,
}

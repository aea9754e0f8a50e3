//! What the domain needs from outside: one small trait per need.
//!
//! Consistency is in the types. [`Table`] and [`Counters`] are strong: what must be true now (a credential, uniqueness,
//! a single-use token, a revocation, a count) takes one of them. [`Cache`] may be up to a minute old and cannot be used in
//! their place. Time and randomness are ports too, so every rule is tested with a clock and a generator that the test moves.
//!
//! All traits are `Send` on every target: an adapter whose futures are not wraps them where it stands.

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

/// Why a store that reads does not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// There is no room left.
    #[error("its disk is full; free some space")]
    DiskFull,
    /// It may only be read.
    #[error("it is read-only; let this user write the file and its folder")]
    ReadOnly,
    /// Anything else; the log has more.
    #[error("a write failed; see the log")]
    Other,
}

/// Every port of a running service. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// Strong storage.
    pub table: Arc<dyn Table>,
    /// Strong counts.
    pub counters: Arc<dyn Counters>,
    /// What may be up to a minute old.
    pub cache: Arc<dyn Cache>,
    /// Outgoing mail.
    pub mailer: Arc<dyn Mailer>,
    /// Outgoing HTTP.
    pub fetch: Arc<dyn Fetch>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Secure randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where argon2id runs.
    pub hasher: Arc<dyn PasswordHasher>,
}

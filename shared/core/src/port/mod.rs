//! What the domain needs from outside: one small trait per need.
//!
//! Consistency is in the types. [`Table`] and [`Counters`] are strong: what must be true now (a credential, uniqueness,
//! a single-use token, a revocation, a count) takes one of them. [`Cache`] may be up to a minute old and cannot be used in
//! their place. Time and randomness are ports too, so every rule is tested with a clock and a generator that the test moves.
//!
//! All traits are `Send` on every target: an adapter whose futures are not wraps them at its own edge.

use std::sync::Arc;

mod authentic_cache;
mod cache;
mod clock;
mod counters;
mod entropy;
mod fetch;
mod hasher;
pub mod in_process;
mod mailer;
mod pace;
pub mod table;

pub use authentic_cache::AuthenticCache;
pub use cache::{Cache, CacheStore};
pub use clock::Clock;
pub use counters::{Count, Counters, Window};
pub use entropy::{Entropy, EntropyError};
pub use fetch::{Fetch, FetchError, MAX_BODY};
pub use hasher::{Derivation, HASH_LEN, HasherError, PasswordHasher};
pub use mailer::{Mailer, MailerError, Message};
pub use pace::{MAX_WAIT, Pace};
pub use table::Table;

/// Why a store gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached, timed out or asked to slow down. The same call may succeed later; whether a write
    /// was applied is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store holds something this version cannot read.
    #[error("the store holds an unreadable item at {at}: {why}")]
    Corrupt {
        /// Where: a key, or the name of a file or table.
        at: String,
        /// What is wrong with it, without its contents.
        why: String,
    },
    /// The call breaks a rule of the port, such as its size limits: a mistake in the caller.
    #[error("the store refused the call: {0}")]
    Refused(String),
}

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

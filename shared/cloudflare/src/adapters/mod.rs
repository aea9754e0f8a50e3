//! Ports over the features of a Worker.

mod absent;
mod clock;
mod d1;
mod entropy;
mod fetch;
#[cfg(feature = "passwords")]
mod hasher;
mod kv;
mod mailer;

pub use absent::Absent;
pub use clock::WorkerClock;
pub use d1::D1;
pub use entropy::WorkerEntropy;
pub use fetch::WorkerFetch;
#[cfg(feature = "passwords")]
pub use hasher::InlineHasher;
pub use kv::Kv;
pub use mailer::NoMailer;

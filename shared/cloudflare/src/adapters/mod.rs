//! The ports over what a Worker has.

mod clock;
mod d1;
mod entropy;
mod fetch;
mod hasher;
mod kv;
mod mailer;

pub use clock::WorkerClock;
pub use d1::D1;
pub use entropy::WorkerEntropy;
pub use fetch::WorkerFetch;
pub use hasher::InlineHasher;
pub use kv::Kv;
pub use mailer::NoMailer;

//! What an operating system gives, wherever one is underneath: its clock, its generator, and HTTP by reqwest. The local
//! server and Lambda share it.

mod clock;
mod entropy;
mod fetch;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use fetch::HttpFetch;

//! What an operating system gives, wherever one is underneath: its clock, its generator, its huge pages, and HTTP by reqwest.
//! The local server and Lambda share it.

mod clock;
mod entropy;
mod fetch;
mod huge_pages;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use fetch::HttpFetch;
pub use huge_pages::vec_on_huge_pages;

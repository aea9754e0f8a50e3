//! Adapters of an operating system: its clock, its random generator, its huge pages, and HTTP by reqwest. The
//! local server and Lambda share them.

mod clock;
mod entropy;
mod fetch;
mod huge_pages;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use fetch::HttpFetch;
pub use huge_pages::vec_on_huge_pages;

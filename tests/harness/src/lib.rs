//! The common ground of tests over HTTP, wherever Latchkey runs: a [platform](platform::Platform) starts one place with its stores
//! and ends it; a [`Client`] sends it requests, [`raw`] ones as their bytes are.

#![expect(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing member is null")]

#[macro_use]
mod macros;

mod answer;
mod client;
mod failure;
pub mod platform;
pub mod raw;
mod request;

pub use answer::Answer;
pub use client::Client;
pub use failure::{Failure, Result};
pub use request::{Request, bearer};

//! The end-to-end cases: what Latchkey does, asked over HTTP wherever it runs.
//!
//! A [`Case`] asks and checks, on a [`Stage`] of a platform. Every answer goes into its transcript, which must be the same on
//! every platform: the golden one in `transcripts`.

#![expect(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing member is null")]

#[macro_use]
extern crate latchkey_harness;

#[macro_use]
mod macros;

mod case;
pub mod cases;
mod description;
mod known;
mod person;
mod place;
mod stage;
mod transcript;
mod trial;

pub use case::Case;
pub use person::{PASSWORD, Person};
pub use place::{Cookie, Place};
pub use stage::{Stage, trials};
pub use trial::Trial;

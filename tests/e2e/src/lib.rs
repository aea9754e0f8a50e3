//! The end-to-end suite: what Latchkey does, asked over HTTP of wherever it runs, and compared between the places.
//!
//! A [case](case::Case) asks and checks; every answer goes into its transcript. A [platform](platform::Platform) starts one
//! place and ends it. A [report](report::Report) is what all cases saw in one place; a [table](table::Table) holds several
//! reports against each other, and a case that saw something else there than here is a failure, though it passed.

#![expect(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing member is null")]

#[macro_use]
mod macros;

pub mod answer;
pub mod case;
pub mod cases;
pub mod client;
pub mod failure;
pub mod person;
pub mod place;
pub mod platform;
pub mod raw;
pub mod report;
pub mod request;
pub mod run;
pub mod table;
pub mod transcript;
pub mod trial;

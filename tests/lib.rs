//! Tests of what crosses functions; each folder is one target. What they share is here.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up fails by a panic"
)]

pub mod support;

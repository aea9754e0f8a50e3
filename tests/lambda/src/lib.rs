//! Lambda's Runtime API on this machine, and a function process that it drives.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "without its server nothing is measured or tested"
)]

mod process;
mod runtime_api;

pub use process::{ENVIRONMENT, FunctionProcess};
pub use runtime_api::{Heard, RuntimeApi, What};

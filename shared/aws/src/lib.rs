//! Latchkey on AWS Lambda.

pub mod dynamodb;

use std::process::ExitCode;

use latchkey_http::{App, Function};

/// Serves `function` to Lambda until the container ends.
pub fn run(_function: Function<App>) -> ExitCode {
    ExitCode::FAILURE
}

//! Latchkey on AWS Lambda.

use std::process::ExitCode;

use latchkey_http::{App, Function};

/// Serves `function` to Lambda until the container ends.
pub fn run(_function: Function<App>) -> ExitCode {
    ExitCode::FAILURE
}

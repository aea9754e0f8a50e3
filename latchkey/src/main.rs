//! The `latchkey` command.

use std::io::Write;
use std::process::ExitCode;

use latchkey::cli::Cli;
use latchkey::commands;

fn main() -> ExitCode {
    match commands::run(Cli::read()) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody may read it: that is no second failure.
            let _ = writeln!(std::io::stderr(), "latchkey: {failure}");
            ExitCode::FAILURE
        }
    }
}

//! The `latchkey` command.

use std::io::Write;
use std::process::ExitCode;

use latchkey::cli::Cli;
use latchkey::commands;

fn main() -> ExitCode {
    match commands::run(Cli::read()) {
        Ok(code) => code,
        Err(failure) => {
            // If standard error cannot be written either, the failure is lost.
            let _ = writeln!(std::io::stderr(), "latchkey: {failure}");
            ExitCode::FAILURE
        }
    }
}

//! The `latchkey` command.

use std::process::ExitCode;

use clap::Parser;
use latchkey_local::cli::Cli;
use latchkey_local::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("latchkey: {failure}");
            ExitCode::FAILURE
        }
    }
}

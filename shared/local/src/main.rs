//! The `latchkey` command.

use std::process::ExitCode;

use clap::Parser;
use latchkey_local::cli::Cli;
use latchkey_local::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("latchkey: {failure}");
            ExitCode::FAILURE
        }
    }
}

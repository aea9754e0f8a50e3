//! Prints the description of every route, as it is made of what stands at the handlers:
//! `cargo run -q -p latchkey-all --example openapi > functions/all/openapi.json`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match latchkey_all::function().merge(latchkey_http::health()).openapi().to_pretty_json() {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the description cannot be written as JSON: {error}");
            ExitCode::FAILURE
        }
    }
}

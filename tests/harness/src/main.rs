//! Starts a platform for tests in another language:
//!
//!     cargo run -p latchkey-harness -- workers
//!
//! Its own variables that the service reads, such as `LATCHKEY_LIMITS`, are passed on. Once the platform answers, a line says where
//! it is and who administers it, as JSON. It ends when its input does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for tests")]

use std::io::Read;
use std::process::ExitCode;

use latchkey_harness::Result;
use latchkey_harness::platform::{Admin, Settings, by_name, process};
use serde_json::json;

fn run() -> Result {
    let name = std::env::args().nth(1).unwrap_or_default();
    let settings = Settings { name: "program", variables: process::settings() };
    let admin = Admin { email: "root@example.com".to_owned(), password: "violet harbour tundra".to_owned() };
    let running = by_name(&name)?.start(&settings, &admin)?;
    println!("{}", json!({ "url": running.url(), "email": admin.email, "password": admin.password }));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("latchkey-harness: {failure}");
            ExitCode::FAILURE
        }
    }
}

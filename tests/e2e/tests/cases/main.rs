//! Runs every case on the platforms that `LATCHKEY_PLATFORMS` names, or in this process where it names none.

mod in_process;

use std::process::ExitCode;
use std::sync::Arc;

use latchkey_e2e::trials;
use latchkey_harness::Result;
use latchkey_harness::platform::{self, Existing, Platform};
use libtest_mimic::Arguments;

/// The number of cases that run at once.
const AT_ONCE: usize = 4;

/// A platform's name, or `NAME=URL` of something that runs already.
fn platform(text: &str) -> Result<Arc<dyn Platform>> {
    if text == in_process::NAME {
        return Ok(Arc::new(in_process::InProcess));
    }
    match text.split_once('=') {
        Some((name, url)) => Ok(Arc::new(Existing::from_env(name, url)?)),
        None => Ok(Arc::from(platform::by_name(text)?)),
    }
}

#[expect(clippy::print_stderr, reason = "it ends before the tests, which say the rest")]
fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let named = std::env::var("LATCHKEY_PLATFORMS").unwrap_or_else(|_| in_process::NAME.to_owned());
    let platforms: Result<Vec<_>> = named.split_whitespace().map(platform).collect();
    match platforms {
        Ok(platforms) => {
            let tests = platforms.iter().flat_map(trials).collect();
            libtest_mimic::run(&arguments, tests).exit_code()
        }
        Err(failure) => {
            eprintln!("LATCHKEY_PLATFORMS: {failure}");
            ExitCode::FAILURE
        }
    }
}

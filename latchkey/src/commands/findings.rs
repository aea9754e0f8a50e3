use std::fmt::Display;
use std::process::ExitCode;

use super::say;

/// Results of checks, printed one by one. A failed check comes with its fix.
#[derive(Default)]
pub(super) struct Findings {
    wrong: usize,
}

impl Findings {
    /// Prints a check that passed.
    #[expect(clippy::unused_self, reason = "both outcomes read alike where they are told")]
    pub fn good(&self, what: impl Display) {
        say(format_args!("ok    {what}"));
    }

    /// Prints a check that failed, and its fix.
    pub fn wrong(&mut self, what: impl Display) {
        self.wrong += 1;
        say(format_args!("wrong {what}"));
    }

    /// Prints a passed or a failed check.
    pub fn tell(&mut self, verdict: Result<String, String>) {
        match verdict {
            Ok(what) => self.good(what),
            Err(what) => self.wrong(what),
        }
    }

    /// Returns the exit code: 1 if any check failed.
    pub fn exit_code(&self) -> ExitCode {
        if self.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

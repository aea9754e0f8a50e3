//! A case.

use latchkey_harness::Result;

use crate::Trial;

/// Something that Latchkey does, wherever it runs.
#[derive(Clone, Copy)]
pub struct Case {
    path: &'static str,
    /// Asks and checks.
    pub run: fn(&Trial<'_>) -> Result,
}

impl Case {
    /// A case under the path of its function.
    pub const fn new(path: &'static str, run: fn(&Trial<'_>) -> Result) -> Self {
        Self { path, run }
    }

    /// Its noun and its function, such as `signup::taken`.
    pub fn name(&self) -> &'static str {
        self.path.split_once("::cases::").map_or(self.path, |(_, name)| name)
    }
}

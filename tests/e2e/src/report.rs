//! What all cases saw in one place.

use serde::{Deserialize, Serialize};

/// What all cases saw in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The platform.
    pub platform: String,
    /// How many requests of one case it took at one moment, where that is bounded.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// The cases that are known to see something else there, with the reason.
    pub differences: Vec<(String, String)>,
    /// Case by case, in the suite's order.
    pub results: Vec<CaseResult>,
}

/// What one case saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The case.
    pub case: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Its transcript.
    pub seen: Vec<String>,
    /// How many requests were answered 503 with `Retry-After`, and sent again.
    pub again: u32,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All was as it must be.
    Passed,
    /// The place cannot be asked, for this reason.
    Skipped(String),
    /// Something was not as it must be.
    Failed(String),
}

impl Report {
    /// What a case saw there.
    pub fn result(&self, case: &str) -> Option<&CaseResult> {
        self.results.iter().find(|result| result.case == case)
    }

    /// Why a case is known to see something else there.
    pub fn known_difference(&self, case: &str) -> Option<&str> {
        self.differences.iter().find(|(name, _)| name == case).map(|(_, why)| why.as_str())
    }
}

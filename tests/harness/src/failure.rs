//! Why a case did not pass.

use std::io::ErrorKind;

/// Why a case did not pass.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The place cannot be asked this, for the reason given.
    #[error("{0}")]
    Skipped(&'static str),
    /// It saw something that must not be.
    #[error("{0}")]
    Failed(String),
    /// No answer came.
    #[error("no answer: {0}")]
    Request(#[from] ureq::Error),
    /// A request that cannot be written.
    #[error("{0}")]
    Http(#[from] http::Error),
    /// A socket, a file or a process.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A text that should be JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    /// Returns whether the other end has ended the connection.
    pub fn is_reset(&self) -> bool {
        let Self::Request(ureq::Error::Io(error)) = self else { return false };
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

/// The outcome of a case.
pub type Result<T = ()> = std::result::Result<T, Failure>;

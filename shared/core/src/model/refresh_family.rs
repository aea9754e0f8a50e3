use serde::{Deserialize, Serialize};

use super::{Digest, Timestamp};

/// Refresh tokens of a session as stored: hashes, and next tokens that only the preceding token opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// Generation of the live token.
    pub(crate) generation: u32,
    /// The live token: the only one that can be used.
    pub(crate) current: Digest,
    /// Recently used tokens, the latest last. Each was replaced by the one after it, and the last by the live token.
    pub(crate) used: Vec<UsedToken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsedToken {
    pub digest: Digest,
    pub at: Timestamp,
    #[serde(rename = "successor")]
    pub next: SealedNextToken,
}

/// Refresh token, sealed under a key derived from the preceding token. The store and its readers cannot open it: they have the
/// hash of the preceding token, not the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SealedNextToken(pub(crate) String);

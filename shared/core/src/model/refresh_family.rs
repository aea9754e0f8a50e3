use serde::{Deserialize, Serialize};

use super::{Digest, Timestamp};

/// What a session stores of its refresh tokens: hashes, and next tokens that only their predecessor opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// The generation of the live token.
    pub(crate) generation: u32,
    /// The live token: the only one that can be used.
    pub(crate) current: Digest,
    /// Tokens used of late, the latest last, each replaced by the next and the last by the live one.
    pub(crate) used: Vec<UsedToken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsedToken {
    pub digest: Digest,
    pub at: Timestamp,
    #[serde(rename = "successor")]
    pub next: SealedNextToken,
}

/// A refresh token, sealed under a key that only the token before it gives. The store that keeps it, and whoever reads that
/// store, cannot open it: they have the older token's hash, not the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SealedNextToken(pub(crate) String);

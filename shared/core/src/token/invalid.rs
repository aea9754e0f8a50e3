//! Reasons for refusing an access token. Logs get the reason; clients get one text for all of them.

use std::fmt;

/// Refusal of an access token. All refusals look the same to the holder; the [`Reason`] is for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken(Reason);

/// Fault of a refused access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is longer than any token that is issued.
    TooLong,
    /// It is not three parts of base64url, or one of them is empty.
    Malformed,
    /// The header is not a JSON object of exactly `alg`, `typ` and a well-formed `kid`. A header with more members, such as
    /// `crit` or an embedded key, is refused for this reason.
    Header,
    /// `typ` is not `at+jwt`: it is a token of another kind.
    Type,
    /// No key in use has this `kid`.
    UnknownKey,
    /// `alg` is not the algorithm of the key that `kid` names.
    Algorithm,
    /// The signature over header and claims is not one of this key.
    Signature,
    /// The signed claims are not those of an access token, each with its type.
    Claims,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` is another audience.
    Audience,
    /// The token has expired: `exp` is reached.
    Expired,
    /// `iat` is further in the future than clocks may differ.
    FromTheFuture,
    /// `exp` is not after `iat`, or is later than the lifetime of tokens allows.
    Lifetime,
}

impl InvalidToken {
    /// Returns the reason, for logs only.
    pub fn reason(self) -> Reason {
        self.0
    }
}

impl From<Reason> for InvalidToken {
    fn from(reason: Reason) -> Self {
        Self(reason)
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the access token is not valid")
    }
}

impl std::error::Error for InvalidToken {}

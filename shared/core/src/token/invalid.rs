//! Why an access token was refused: the reason for logs, one text for everyone else.

use std::fmt;

/// The access token was refused. To its holder every refusal looks the same; the [`Reason`] is for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken(Reason);

/// What is wrong with a refused access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Longer than any token that is issued.
    TooLong,
    /// Not three parts of base64url, or one of them is empty.
    Malformed,
    /// The header is no JSON object of exactly `alg`, `typ` and a well-formed `kid`; one that asks for more, such as `crit`
    /// or a key of its own, lands here.
    Header,
    /// `typ` is not `at+jwt`: a token of another kind.
    Type,
    /// No key in use has this `kid`.
    UnknownKey,
    /// `alg` is not the algorithm of the key that `kid` names.
    Algorithm,
    /// The signature is not the key's over this header and these claims.
    Signature,
    /// The signed claims are not the ones that an access token has, each of its type.
    Claims,
    /// `iss` is another issuer.
    Issuer,
    /// `aud` is another audience.
    Audience,
    /// `exp` has come.
    Expired,
    /// `iat` lies further in the future than clocks may differ.
    FromTheFuture,
    /// `exp` is not after `iat`, or further from it than tokens live.
    Lifetime,
}

impl InvalidToken {
    /// For logs only.
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

//! Claims of access tokens.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::invalid::{InvalidToken, Reason};
use super::{ACCESS_TOKEN_LIFETIME, CLOCK_LEEWAY};
use crate::port::{Entropy, EntropyError};
use crate::{SessionId, Timestamp, UserId};

/// Issuer and audience of access tokens. One key ring serves one such pair (RFC 8725, section 3.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerAndAudience {
    issuer: String,
    audience: String,
}

/// Error: the issuer or the audience is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("access tokens need an issuer and an audience, and neither may be empty")]
pub struct MissingParty;

impl IssuerAndAudience {
    /// Refuses an empty name, because a check against it would accept tokens that were meant for nobody.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, MissingParty> {
        let issuer_and_audience = Self { issuer: issuer.into(), audience: audience.into() };
        if issuer_and_audience.issuer.is_empty() || issuer_and_audience.audience.is_empty() {
            Err(MissingParty)
        } else {
            Ok(issuer_and_audience)
        }
    }

    /// Returns the `iss` of every token.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the `aud` of every token.
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

/// Time with the maximum number of digits in this millennium.
const LATEST: i64 = 99_999_999_999;

/// Holder of a token, and the facts that the token states about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    /// User.
    pub user: UserId,
    /// Session that the token belongs to.
    pub session: SessionId,
    /// Names of the user's roles.
    pub roles: Vec<String>,
    /// Organisation that the session acts in, if any.
    pub org: Option<String>,
}

/// Identifier of one token: 16 random bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; 16]);

/// Error: the text is not the base64url of 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token identifier: expected 22 characters of base64url")]
pub struct InvalidTokenId;

impl TryFrom<String> for TokenId {
    type Error = InvalidTokenId;
    fn try_from(text: String) -> Result<Self, InvalidTokenId> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidTokenId)?;
        bytes.try_into().map(Self).map_err(|_| InvalidTokenId)
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(id.0)
    }
}

/// Claims of an access token (RFC 9068, section 2.2; RFC 7519, section 4.1). They hold no personal data except identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience: one name, never a list.
    pub aud: String,
    /// User.
    pub sub: UserId,
    /// Session that the token belongs to.
    pub sid: SessionId,
    /// Time of issue, in seconds since the Unix epoch.
    pub iat: i64,
    /// Expiry, in seconds since the Unix epoch: the token is refused from then on.
    pub exp: i64,
    /// Identifier of the token.
    pub jti: TokenId,
    /// Names of the user's roles at the time of issue.
    pub roles: Vec<String>,
    /// Organisation that the session acts in, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

impl Claims {
    /// Returns the claims of a token that is issued now and lives for [`ACCESS_TOKEN_LIFETIME`].
    pub fn new(
        issuer_and_audience: &IssuerAndAudience,
        subject: TokenSubject,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let TokenSubject { user, session, roles, org } = subject;
        Ok(Self {
            iss: issuer_and_audience.issuer.clone(),
            aud: issuer_and_audience.audience.clone(),
            sub: user,
            sid: session,
            iat: now.as_secs(),
            exp: (now + ACCESS_TOKEN_LIFETIME).as_secs(),
            jti: TokenId(entropy.bytes()?),
            roles,
            org,
        })
    }

    /// Returns claims of the maximum length that name these roles, to find out if a token with them fits.
    pub(super) fn longest(issuer_and_audience: &IssuerAndAudience, roles: &[String]) -> Self {
        Self {
            iss: issuer_and_audience.issuer.clone(),
            aud: issuer_and_audience.audience.clone(),
            sub: UserId::from_bytes([0; 16]),
            sid: SessionId::from_bytes([0; 16]),
            iat: LATEST,
            exp: LATEST,
            jti: TokenId([0; 16]),
            roles: roles.to_vec(),
            org: None,
        }
    }

    /// Returns the time at which it expires.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_secs(self.exp)
    }

    /// Checks the claims of a token whose signature is valid. The bound on the lifetime prevents a leaked and then retired key
    /// from signing a token that outlives the key.
    pub(super) fn check(
        &self,
        issuer_and_audience: &IssuerAndAudience,
        now: Timestamp,
    ) -> Result<(), InvalidToken> {
        let lifetime = self.exp.checked_sub(self.iat).and_then(|secs| u64::try_from(secs).ok());
        let reason = if self.iss != issuer_and_audience.issuer {
            Reason::Issuer
        } else if self.aud != issuer_and_audience.audience {
            Reason::Audience
        } else if now >= self.expires_at() {
            Reason::Expired
        } else if Timestamp::from_secs(self.iat) > now + CLOCK_LEEWAY {
            Reason::FromTheFuture
        } else if !lifetime.is_some_and(|secs| (1..=ACCESS_TOKEN_LIFETIME.as_secs()).contains(&secs)) {
            Reason::Lifetime
        } else {
            return Ok(());
        };
        Err(reason.into())
    }
}

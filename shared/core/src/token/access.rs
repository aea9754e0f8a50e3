//! What an access token says.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::invalid::{InvalidToken, Reason};
use super::{ACCESS_TOKEN_LIFETIME, CLOCK_LEEWAY};
use crate::port::{Entropy, EntropyError};
use crate::{SessionId, Timestamp, UserId};

/// Who issues the access tokens, and whom they are for. One key ring serves one such pair (RFC 8725, section 3.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerAndAudience {
    issuer: String,
    audience: String,
}

/// The issuer or the audience is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("access tokens need an issuer and an audience, and neither may be empty")]
pub struct MissingParty;

impl IssuerAndAudience {
    /// Refuses an empty name: a check against it would let tokens through that were never meant for anyone.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, MissingParty> {
        let issuer_and_audience = Self { issuer: issuer.into(), audience: audience.into() };
        if issuer_and_audience.issuer.is_empty() || issuer_and_audience.audience.is_empty() {
            Err(MissingParty)
        } else {
            Ok(issuer_and_audience)
        }
    }

    /// The `iss` of every token.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `aud` of every token.
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

/// A time of as many digits as any in this millennium has.
const LATEST: i64 = 99_999_999_999;

/// To whom a token is given, and what it may say of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    /// Whose token it is.
    pub user: UserId,
    /// The session that it belongs to.
    pub session: SessionId,
    /// The names of the user's roles.
    pub roles: Vec<String>,
    /// The organisation that the session acts in, if any.
    pub org: Option<String>,
}

/// The name of one token, 16 random bytes in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId([u8; 16]);

/// The text is not the base64url of 16 bytes.
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

/// The claims of an access token (RFC 9068, section 2.2; RFC 7519, section 4.1). Holds no personal data but identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for: one name, never a list.
    pub aud: String,
    /// Whose it is.
    pub sub: UserId,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: i64,
    /// From when on it is refused, in seconds since the Unix epoch.
    pub exp: i64,
    /// Its own name.
    pub jti: TokenId,
    /// The names of the user's roles when it was issued.
    pub roles: Vec<String>,
    /// The organisation that the session acts in, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

impl Claims {
    /// The claims of a token that is issued now and lives for [`ACCESS_TOKEN_LIFETIME`].
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

    /// Claims of the greatest length that name these roles, to learn whether a token of them would fit.
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

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_secs(self.exp)
    }

    /// What is left to check once the signature is known to be good. A bound on the lifetime keeps a token that a leaked,
    /// since retired key signed from outliving that key.
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

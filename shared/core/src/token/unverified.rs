//! A text that claims to be an access token, and the only way from it to [`Claims`].

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::access::{Claims, IssuerAndAudience};
use super::invalid::{InvalidToken, Reason};
use super::jwk::KeyId;
use super::verifying::VerifyingKey;
use super::{Algorithm, MAX_TOKEN};
use crate::Timestamp;

/// Media type of access tokens (RFC 9068, section 2.1). Because of it, no other kind of JWT that an issuer may sign with the
/// same key passes as an access token (RFC 8725, section 3.11).
const TYPE: &str = "at+jwt";

/// JWS of the right form whose signature is not verified yet. Use it only to find the key.
pub struct UnverifiedToken<'a> {
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: KeyId,
}

/// Header with exactly the members of access tokens. It is an error to name `crit`, an embedded key (`jwk`, `jku`, `x5u`,
/// `x5c`), any other member, or a member twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: KeyId,
}

impl<'a> UnverifiedToken<'a> {
    /// Parses the compact form (RFC 7515, section 5.2, steps 1 to 7). It is stricter than the standard: each token has one
    /// spelling, so that no bit of it can change unnoticed.
    pub fn parse(text: &'a str) -> Result<Self, InvalidToken> {
        if text.len() > MAX_TOKEN {
            return Err(Reason::TooLong.into());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Malformed)?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Reason::Malformed.into());
        }
        // The alphabet has no dot, so a fourth part does not decode either.
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let header: Header = object(&decode(header)?).ok_or(Reason::Header)?;
        if header.typ != TYPE {
            return Err(Reason::Type.into());
        }
        let algorithm = header.alg.parse().map_err(|_| Reason::Algorithm)?;
        Ok(Self { signed, payload, signature, algorithm, kid: header.kid })
    }

    /// Returns the identifier of the key that the token names.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// Returns the claims, if `key` signed them and they are valid now for this issuer and audience.
    pub fn verify(
        &self,
        key: &VerifyingKey,
        issuer_and_audience: &IssuerAndAudience,
        now: Timestamp,
    ) -> Result<Claims, InvalidToken> {
        let claims = self.signed_claims(key)?;
        claims.check(issuer_and_audience, now)?;
        Ok(claims)
    }

    /// Returns the claims, if `key` signed them for this issuer and audience, expired or not. Use them only to end the session
    /// that they name.
    pub fn verify_expired(
        &self,
        key: &VerifyingKey,
        issuer_and_audience: &IssuerAndAudience,
    ) -> Result<Claims, InvalidToken> {
        let claims = self.signed_claims(key)?;
        claims.check(issuer_and_audience, Timestamp::from_secs(claims.iat))?;
        Ok(claims)
    }

    fn signed_claims(&self, key: &VerifyingKey) -> Result<Claims, InvalidToken> {
        if self.kid != key.kid() {
            return Err(Reason::UnknownKey.into());
        }
        if self.algorithm != key.algorithm() {
            return Err(Reason::Algorithm.into());
        }
        if !key.verify(self.signed.as_bytes(), &self.signature) {
            return Err(Reason::Signature.into());
        }
        object(&self.payload).ok_or_else(|| Reason::Claims.into())
    }
}

/// Decodes base64url without padding, white space or stray bits at the end.
fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed.into())
}

/// Parses a JSON object with nothing around it. For every type that is read by this, a member named twice is an error.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let braced = json.starts_with(b"{") && json.ends_with(b"}");
    braced.then(|| crate::json::object(json).ok()).flatten()
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;

//! A text that claims to be an ID token, and the only way from it to [`IdToken`] (OpenID Connect Core, section 3.1.3.7).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::metadata::Metadata;
use crate::Timestamp;
use crate::json::{self, Optional};
use crate::model::identity::{Issuer, Subject};
use crate::token::{Algorithm, CLOCK_LEEWAY, VerifyingKey};

/// Maximum length of an ID token, in bytes. Some contain every group of an organisation.
pub const MAX_ID_TOKEN: usize = 64 * 1024;

/// Maximum age of an ID token. It comes directly from the token endpoint, for an authorization request of at most ten minutes.
/// Some issuers set `iat` to the time at which the person signed in to them, or to a few minutes earlier.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Reason that an ID token was refused. For the log and the audit event; clients learn only that it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdToken {
    /// It is not three parts of base64url, or it is too long.
    #[error("malformed")]
    Malformed,
    /// The header is not that of an ID token.
    #[error("header")]
    Header,
    /// It has no signature, uses a shared secret, or uses an unsupported algorithm.
    #[error("algorithm")]
    Algorithm,
    /// The issuer has no such key, or several.
    #[error("unknown_key")]
    UnknownKey,
    /// The key did not sign it.
    #[error("signature")]
    Signature,
    /// A claim is missing or has the wrong type.
    #[error("claims")]
    Claims,
    /// It comes from another issuer.
    #[error("issuer")]
    Issuer,
    /// It is for another client.
    #[error("audience")]
    Audience,
    /// It has expired.
    #[error("expired")]
    Expired,
    /// It was issued in the future.
    #[error("from_the_future")]
    FromTheFuture,
    /// It was issued before the authorization request can have started.
    #[error("too_old")]
    TooOld,
    /// It belongs to another authorization request.
    #[error("nonce")]
    Nonce,
    /// It belongs to another access token.
    #[error("at_hash")]
    AccessToken,
}

/// Expected values of an ID token.
pub(super) struct Expected<'a> {
    pub metadata: &'a Metadata,
    pub client_id: &'a str,
    /// Nonce of the authorization request, if the provider supports nonces.
    pub nonce: Option<&'a str>,
    pub access_token: &'a str,
    pub now: Timestamp,
}

/// Signed text of the right form that is not verified yet. Use it only to find the key.
pub struct UnverifiedIdToken<'a> {
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// Members that are read from the header. An embedded key (`jwk`, `jku`, `x5u`, `x5c`) is ignored.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
}

impl<'a> UnverifiedIdToken<'a> {
    /// Parses the compact form (RFC 7515, section 7.1).
    pub fn parse(text: &'a str) -> Result<Self, InvalidIdToken> {
        if text.len() > MAX_ID_TOKEN {
            return Err(InvalidIdToken::Malformed);
        }
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidIdToken::Malformed);
        let (signed, signature) = text.rsplit_once('.').ok_or(InvalidIdToken::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidIdToken::Malformed)?;
        let header: Header = json::object(&decode(header)?).map_err(|_| InvalidIdToken::Header)?;
        // A `typ` that names another kind of JWT is authoritative (RFC 8725, section 3.11).
        let plain = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
        if !plain || header.crit || header.zip {
            return Err(InvalidIdToken::Header);
        }
        let algorithm = header.alg.parse().map_err(|_| InvalidIdToken::Algorithm)?;
        Ok(Self {
            signed,
            payload: decode(payload)?,
            signature: decode(signature)?,
            algorithm,
            kid: header.kid,
        })
    }

    /// Returns the identifier of the key that the token names.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the algorithm that the token names. The algorithm of the key is authoritative.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the claims, if `key` signed them and they match the expected values.
    pub(super) fn verify(
        &self,
        key: &VerifyingKey,
        expected: &Expected<'_>,
    ) -> Result<IdToken, InvalidIdToken> {
        if self.algorithm != key.algorithm() {
            return Err(InvalidIdToken::Algorithm);
        }
        if !key.verify(self.signed.as_bytes(), &self.signature) {
            return Err(InvalidIdToken::Signature);
        }
        let claims: Claims = json::object(&self.payload).map_err(|_| InvalidIdToken::Claims)?;
        claims.check(expected)?;
        claims.check_at_hash(self.algorithm, expected.access_token)?;
        let subject = claims.sub.parse().map_err(|_| InvalidIdToken::Claims)?;
        let issuer = claims.iss.parse().map_err(|_| InvalidIdToken::Issuer)?;
        Ok(IdToken { issuer, subject, claims })
    }
}

/// Verified statement of an issuer about a person, for this client and this authorization request.
#[derive(Debug)]
pub struct IdToken {
    /// Issuer that vouches for the person.
    pub issuer: Issuer,
    /// Identifier of the person at the issuer.
    pub subject: Subject,
    pub(super) claims: Claims,
}

/// Claims that are read. A claim may not be named twice, and the claims that matter for security must have their types.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: NumericDate,
    iat: NumericDate,
    #[serde(default)]
    nbf: Option<NumericDate>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    at_hash: Option<String>,
    #[serde(default)]
    pub email: Optional<String>,
    #[serde(default)]
    pub email_verified: Truth,
    #[serde(default)]
    pub name: Optional<String>,
    #[serde(default)]
    pub preferred_username: Optional<String>,
    #[serde(default)]
    pub picture: Optional<String>,
    /// Tenant, for Microsoft.
    #[serde(default)]
    pub tid: Option<String>,
    /// Statement of Microsoft that the owner of the e-mail's domain was verified.
    #[serde(default)]
    pub xms_edov: Truth,
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims").field("iss", &self.iss).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Returns true if it is for `client`. If there are several audiences, `azp` must name `client`.
    fn admits(&self, client: &str, azp: Option<&str>) -> bool {
        let holds = match self {
            Self::One(audience) => audience == client,
            Self::Many(audiences) => {
                let alone = audiences.len() == 1;
                audiences.iter().any(|audience| audience == client) && (alone || azp == Some(client))
            }
        };
        holds && azp.is_none_or(|azp| azp == client)
    }
}

impl Claims {
    fn check(&self, expected: &Expected<'_>) -> Result<(), InvalidIdToken> {
        let now = expected.now;
        if !expected.metadata.is_issuer(&self.iss, Some(self.tid.as_deref().unwrap_or_default())) {
            return Err(InvalidIdToken::Issuer);
        }
        if !self.aud.admits(expected.client_id, self.azp.as_deref()) {
            return Err(InvalidIdToken::Audience);
        }
        if self.exp.0 + CLOCK_LEEWAY <= now {
            return Err(InvalidIdToken::Expired);
        }
        let starts = [Some(self.iat), self.nbf];
        if starts.into_iter().flatten().any(|start| start.0 > now + CLOCK_LEEWAY) {
            return Err(InvalidIdToken::FromTheFuture);
        }
        if self.iat.0 + MAX_AGE + CLOCK_LEEWAY <= now {
            return Err(InvalidIdToken::TooOld);
        }
        match expected.nonce {
            Some(nonce) if !self.has_nonce(nonce) => Err(InvalidIdToken::Nonce),
            _ => Ok(()),
        }
    }

    fn has_nonce(&self, nonce: &str) -> bool {
        self.nonce.as_ref().is_some_and(|own| own.as_bytes().ct_eq(nonce.as_bytes()).into())
    }

    /// Checks `at_hash` (section 3.1.3.6): the left half of the access token's hash, with the hash of the signature algorithm.
    /// That of Ed25519 is SHA-512.
    fn check_at_hash(&self, algorithm: Algorithm, access_token: &str) -> Result<(), InvalidIdToken> {
        let Some(at_hash) = &self.at_hash else { return Ok(()) };
        let half = match algorithm {
            Algorithm::Es256 | Algorithm::Rs256 => Sha256::digest(access_token)
                .first_chunk::<16>()
                .map(|half| BASE64_URL_SAFE_NO_PAD.encode(half)),
            Algorithm::EdDsa => Sha512::digest(access_token)
                .first_chunk::<32>()
                .map(|half| BASE64_URL_SAFE_NO_PAD.encode(half)),
        };
        if half.as_ref() == Some(at_hash) { Ok(()) } else { Err(InvalidIdToken::AccessToken) }
    }
}

/// Returns true if a member is present, whatever its value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Point in time in seconds, perhaps with a fraction (RFC 7519, section 2).
#[derive(Clone, Copy)]
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Number {
            Whole(i64),
            Broken(f64),
        }
        // About three million years. Within it, every number converts to a whole number of milliseconds.
        const MOST: f64 = 1e14;
        match Number::deserialize(deserializer)? {
            Number::Whole(seconds) => Ok(Self(Timestamp::from_secs(seconds))),
            #[expect(clippy::cast_possible_truncation, reason = "the number has at most 17 digits")]
            Number::Broken(seconds) if seconds.abs() < MOST => {
                Ok(Self(Timestamp::from_millis((seconds * 1000.0).floor() as i64)))
            }
            Number::Broken(_) => Err(serde::de::Error::custom("not a point in time")),
        }
    }
}

/// Boolean as a provider writes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Truth {
    /// False, absent, or of another form, such as a number.
    #[default]
    No,
    /// True.
    Yes,
    /// The text `true`. It counts only for providers that document it.
    Text,
}

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(true) => Self::Yes,
            serde_json::Value::String(text) if text == "true" => Self::Text,
            _ => Self::No,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}|([A-Za-z0-9_-]{0,60}\\.){1,4}[A-Za-z0-9_-]{0,60}") {
            let _ = UnverifiedIdToken::parse(&text);
        }

        #[test]
        fn any_header_is_read_or_refused(header in "\\{(\"(alg|typ|kid|crit)\":(\"[A-Za-z0-9]{0,8}\"|null|7|\\[\\]),?){0,4}\\}?") {
            let text = format!("{}.e30.AA", BASE64_URL_SAFE_NO_PAD.encode(header));
            let _ = UnverifiedIdToken::parse(&text);
        }

        #[test]
        fn any_claims_are_read_or_refused(text in "\\{(\"(iss|sub|aud|exp|iat|nbf|nonce|email_verified)\":(\"[a-z]{0,8}\"|null|7|-1e9|1.5|1e300|\\[\"a\"\\]),?){0,8}\\}?") {
            let _ = json::object::<Claims>(text.as_bytes());
        }
    }
}

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

const VERSION: &str = "v1";

/// Identifier of the master secret that sealed a value. It reveals nothing about the secret.
pub(crate) type SecretId = [u8; 8];

/// Sealed value in its stored form, made by [`Sealer::seal`](crate::seal::Sealer::seal): `v1.<key id>.<base64url of nonce and
/// ciphertext>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed {
    pub(crate) secret: SecretId,
    pub(crate) bytes: Vec<u8>,
}

/// Error: the text does not have the form `v1.<key id>.<base64url>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sealed value of version 1")]
pub struct InvalidSealed;

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [secret, bytes] =
            [self.secret.as_slice(), &self.bytes].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        write!(f, "{VERSION}.{secret}.{bytes}")
    }
}

impl FromStr for Sealed {
    type Err = InvalidSealed;

    fn from_str(text: &str) -> Result<Self, InvalidSealed> {
        let (secret, bytes) = text
            .strip_prefix(VERSION)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.split_once('.'))
            .ok_or(InvalidSealed)?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidSealed);
        let secret = decode(secret)?.try_into().map_err(|_| InvalidSealed)?;
        Ok(Self { secret, bytes: decode(bytes)? })
    }
}

impl TryFrom<String> for Sealed {
    type Error = InvalidSealed;
    fn try_from(text: String) -> Result<Self, InvalidSealed> {
        text.parse()
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        sealed.to_string()
    }
}

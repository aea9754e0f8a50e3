//! Public keys in their published form: JWK (RFC 7517) and its thumbprint (RFC 7638).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Algorithm;

/// Identifier of a key, the `kid` of the tokens that it signs: its JWK thumbprint with SHA-256, so that two keys never share an
/// identifier. A `kid` of any other form, such as a path or a query, does not parse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 32]);

/// Error: the text is not a SHA-256 thumbprint in base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key identifier: expected 43 characters of base64url")]
pub struct InvalidKeyId;

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidKeyId)?;
        bytes.try_into().map(Self).map_err(|_| InvalidKeyId)
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;
    fn try_from(text: String) -> Result<Self, InvalidKeyId> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

/// Numbers of a public key, each in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
pub enum Material {
    /// Octet key pair (RFC 8037, section 2).
    #[serde(rename = "OKP")]
    Okp {
        /// Name of the curve.
        crv: &'static str,
        /// Public key.
        x: String,
    },
    /// Elliptic curve key (RFC 7518, section 6.2).
    #[serde(rename = "EC")]
    Ec {
        /// Name of the curve.
        crv: &'static str,
        /// First coordinate.
        x: String,
        /// Second coordinate.
        y: String,
    },
    /// RSA key (RFC 7518, section 6.3).
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus.
        n: String,
        /// Exponent.
        e: String,
    },
}

impl Material {
    /// Returns the hash of the required members, in the order of their names and without white space (RFC 7638, section 3).
    pub fn thumbprint(&self) -> KeyId {
        // Base64url and the names of curves need no escaping in JSON.
        let json = match self {
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        KeyId(Sha256::digest(json).into())
    }
}

/// Public key, for resource servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key material.
    #[serde(flatten)]
    pub material: Material,
    /// Identifier of the key.
    pub kid: KeyId,
    /// Purpose: always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// Only algorithm that it may be used with.
    pub alg: Algorithm,
}

/// Public keys of `/.well-known/jwks.json` (RFC 7517, section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    /// Keys: first the current signing key, then the next one, then the retired ones.
    pub keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4\
                 n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0\
                 zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-c\
                 sFCur-kEgU8awapJzKnqDKgw";
        let material = Material::Rsa { n: n.into(), e: "AQAB".into() };
        assert_eq!(material.thumbprint().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a_3() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let material = Material::Okp { crv: "Ed25519", x: x.into() };
        assert_eq!(material.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn only_a_thumbprint_names_a_key() {
        let good = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(good.parse::<KeyId>().unwrap().to_string(), good);
        for text in [
            "",
            "1",
            "../../etc/passwd",
            "' OR 1=1 --",
            &good[1..],
            &format!("{good}A"),
            &format!("{}l", &good[..42]),
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(InvalidKeyId), "{text}");
        }
    }
}

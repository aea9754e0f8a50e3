//! Key that signs access tokens.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use super::access::Claims;
use super::jwk::KeyId;
use super::verifying::{Public, VerifyingKey};
use super::{Algorithm, MAX_TOKEN, blinding};
use crate::port::{Entropy, EntropyError};

/// Reason that a key was not generated.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GenerateError {
    /// The generator gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The search for primes failed.
    #[error("the RSA key could not be generated: {0}")]
    Rsa(String),
}

/// Reason that a token was not signed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignError {
    /// The generator gave no random bytes to blind the computation.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The token would exceed the maximum length: too many roles, or too long names.
    #[error(
        "the access token would have {0} bytes where {MAX_TOKEN} are allowed: grant fewer roles, or shorter names"
    )]
    TooLong(usize),
    /// The claims could not be encoded, or the computation failed.
    #[error("the access token could not be signed: {0}")]
    Failed(String),
}

/// Key that signs access tokens. It stays parsed, because parsing a private key costs as much as signing. Its private part is
/// overwritten when it is dropped, and is never shown.
pub struct SigningKey {
    private: Private,
    public: VerifyingKey,
    /// First part of every token that it signs, with the dot after it.
    header: String,
}

enum Private {
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Es256(Box<p256::ecdsa::SigningKey>),
    Rs256(Box<rsa::pkcs1v15::SigningKey<Sha256>>),
}

impl SigningKey {
    /// Generates a new key. An RSA key takes up to a few seconds.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Self, GenerateError> {
        let private = match algorithm {
            Algorithm::EdDsa => Private::ed_dsa(&Zeroizing::new(entropy.bytes()?)),
            Algorithm::Es256 => Private::draw_es256(entropy)?,
            Algorithm::Rs256 => {
                let key = rsa::PrivateKey::new(&mut blinding::generator(entropy)?, blinding::BITS);
                Private::rs256(key.map_err(|error| GenerateError::Rsa(error.to_string()))?)
            }
        };
        Ok(Self::new(private))
    }

    fn new(private: Private) -> Self {
        let public = VerifyingKey::new(private.public());
        let header = format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"{}"}}"#, public.algorithm(), public.kid());
        Self { private, public, header: format!("{}.", BASE64_URL_SAFE_NO_PAD.encode(header)) }
    }

    /// Returns the identifier of the key.
    pub fn kid(&self) -> KeyId {
        self.public.kid()
    }

    /// Returns the algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Returns its public key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    pub(super) fn into_verifying_key(self) -> VerifyingKey {
        self.public
    }

    /// Returns the access token of `claims`: a JWS in compact form (RFC 7515, section 7.1) with `typ` `at+jwt` (RFC 9068).
    pub fn sign(&self, claims: &Claims, entropy: &dyn Entropy) -> Result<String, SignError> {
        let json = serde_json::to_vec(claims).map_err(|error| SignError::Failed(error.to_string()))?;
        let mut token = self.header.clone();
        BASE64_URL_SAFE_NO_PAD.encode_string(json, &mut token);
        let signature = self.sign_bytes(token.as_bytes(), entropy)?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > MAX_TOKEN { Err(SignError::TooLong(token.len())) } else { Ok(token) }
    }

    /// Returns the signature of `message` in the form of a JWS (RFC 7518, section 3; RFC 8037, section 3.1).
    pub(super) fn sign_bytes(&self, message: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SignError> {
        let failed = |error: rsa::signature::Error| SignError::Failed(error.to_string());
        match &self.private {
            Private::EdDsa(key) => Ok(key.try_sign(message).map_err(failed)?.to_bytes().to_vec()),
            Private::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.try_sign(message).map_err(failed)?;
                Ok(signature.to_bytes().to_vec())
            }
            Private::Rs256(key) => {
                let signature = key.try_sign_with_rng(&mut blinding::generator(entropy)?, message);
                Ok(signature.map_err(failed)?.to_vec())
            }
        }
    }

    /// Returns the bytes of the private key: the seed for Ed25519 (RFC 8032), the scalar for P-256, PKCS #1 DER for RSA.
    /// Returns `None` if they cannot be encoded.
    pub(super) fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.private {
            Private::EdDsa(key) => Some(Zeroizing::new(key.as_bytes().to_vec())),
            Private::Es256(key) => Some(Zeroizing::new(key.to_bytes().to_vec())),
            Private::Rs256(key) => Some(rsa_key(key).to_pkcs1_der().ok()?.to_bytes()),
        }
    }

    /// Reads the result of [`to_bytes`](Self::to_bytes).
    pub(super) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Some(Self::new(match algorithm {
            Algorithm::EdDsa => Private::ed_dsa(bytes.try_into().ok()?),
            Algorithm::Es256 => Private::es256(bytes)?,
            Algorithm::Rs256 => Private::rs256(rsa::PrivateKey::from_pkcs1_der(bytes).ok()?),
        }))
    }
}

impl Private {
    fn ed_dsa(seed: &[u8; 32]) -> Self {
        Self::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Generates a P-256 key by rejection (FIPS 186-5, appendix A.2.2). One draw in 2^32 is not below the order of the curve,
    /// so a generator that fails at this many draws is broken.
    fn draw_es256(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        for _ in 0..8 {
            let scalar = Zeroizing::new(entropy.bytes::<32>()?);
            if let Some(private) = Self::es256(scalar.as_slice()) {
                return Ok(private);
            }
        }
        Err(EntropyError("the generator keeps giving numbers that are not P-256 keys".into()))
    }

    /// Returns `None` if the number is not between 1 and the order of the curve.
    fn es256(scalar: &[u8]) -> Option<Self> {
        Some(Self::Es256(Box::new(p256::ecdsa::SigningKey::from_slice(scalar).ok()?)))
    }

    fn rs256(key: rsa::PrivateKey) -> Self {
        Self::Rs256(Box::new(rsa::pkcs1v15::SigningKey::new(key)))
    }

    fn public(&self) -> Public {
        match self {
            Self::EdDsa(key) => Public::EdDsa(key.verifying_key()),
            Self::Es256(key) => Public::Es256(*key.verifying_key()),
            Self::Rs256(key) => Public::rs256(rsa_key(key).to_public_key()),
        }
    }
}

fn rsa_key(signer: &rsa::pkcs1v15::SigningKey<Sha256>) -> &rsa::PrivateKey {
    signer.as_ref()
}

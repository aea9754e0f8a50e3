//! Public half of a signing key.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use rsa::pkcs1::{DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::traits::PublicKeyParts;
use sha2::Sha256;

use super::Algorithm;
use super::jwk::{Jwk, KeyId, Material};

/// Key that verifies signatures. It stays parsed and has its own algorithm.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    kid: KeyId,
    public: Public,
}

#[derive(Debug, Clone)]
pub(super) enum Public {
    EdDsa(ed25519_dalek::VerifyingKey),
    Es256(p256::ecdsa::VerifyingKey),
    Rs256(Box<rsa::pkcs1v15::VerifyingKey<Sha256>>),
}

impl VerifyingKey {
    pub(super) fn new(public: Public) -> Self {
        Self { kid: material(&public).thumbprint(), public }
    }

    /// Returns an RSA key of another issuer, of 2048 to 4096 bits, from its modulus and exponent.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| {
            let first = bytes.iter().position(|byte| *byte != 0)?;
            Some(rsa::BoxedUint::from_be_slice_vartime(bytes.get(first..)?))
        };
        // This also refuses a senseless exponent.
        let key = rsa::PublicKey::new_with_size_limits(number(n)?, number(e)?, 2048..=4096).ok()?;
        Some(Self::new(Public::rs256(key)))
    }

    /// Returns a P-256 key of another issuer from its coordinates.
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        let (x, y): ([u8; 32], [u8; 32]) = (x.try_into().ok()?, y.try_into().ok()?);
        let point = p256::Sec1Point::from_affine_coordinates(&x.into(), &y.into(), false);
        Some(Self::new(Public::Es256(p256::ecdsa::VerifyingKey::from_sec1_point(&point).ok()?)))
    }

    /// Returns an Ed25519 key of another issuer.
    pub(crate) fn ed25519(x: &[u8]) -> Option<Self> {
        Some(Self::new(Public::EdDsa(ed25519_dalek::VerifyingKey::try_from(x).ok()?)))
    }

    /// Returns the identifier of the key.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// Returns the only algorithm of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::EdDsa(_) => Algorithm::EdDsa,
            Public::Es256(_) => Algorithm::Es256,
            Public::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Returns true if `signature` is a signature of `message` by this key. Ed25519 is checked strictly: one signature, one
    /// encoding.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Public::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Public::Rs256(key) => rsa::pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }

    /// Returns the published form of the key.
    pub fn jwk(&self) -> Jwk {
        Jwk { material: material(&self.public), kid: self.kid, usage: "sig", alg: self.algorithm() }
    }

    /// Returns the bytes of the key: the point for Ed25519 (RFC 8032) and P-256 (SEC 1, uncompressed), PKCS #1 DER for RSA.
    /// Returns `None` if they cannot be encoded.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        match &self.public {
            Public::EdDsa(key) => Some(key.as_bytes().to_vec()),
            Public::Es256(key) => Some(key.to_sec1_point(false).as_bytes().to_vec()),
            Public::Rs256(key) => Some(rsa_key(key).to_pkcs1_der().ok()?.into_vec()),
        }
    }

    /// Reads the result of [`to_bytes`](Self::to_bytes).
    pub(super) fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Some(Self::new(match algorithm {
            Algorithm::EdDsa => Public::EdDsa(ed25519_dalek::VerifyingKey::try_from(bytes).ok()?),
            Algorithm::Es256 => Public::Es256(p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?),
            Algorithm::Rs256 => Public::rs256(rsa::PublicKey::from_pkcs1_der(bytes).ok()?),
        }))
    }
}

impl Public {
    pub(super) fn rs256(key: rsa::PublicKey) -> Self {
        Self::Rs256(Box::new(rsa::pkcs1v15::VerifyingKey::new(key)))
    }
}

fn material(public: &Public) -> Material {
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    match public {
        Public::EdDsa(key) => Material::Okp { crv: "Ed25519", x: text(key.as_bytes()) },
        Public::Es256(key) => {
            let point = key.to_sec1_point(false);
            // An uncompressed point has both. Only the point at infinity, which is not a key, would have neither.
            let [x, y] = [point.x(), point.y()].map(|part| part.map_or_else(String::new, |part| text(part)));
            Material::Ec { crv: "P-256", x, y }
        }
        Public::Rs256(key) => {
            let key = rsa_key(key);
            Material::Rsa { n: text(&key.n_bytes()), e: text(&key.e_bytes()) }
        }
    }
}

fn rsa_key(verifier: &rsa::pkcs1v15::VerifyingKey<Sha256>) -> &rsa::PublicKey {
    verifier.as_ref()
}

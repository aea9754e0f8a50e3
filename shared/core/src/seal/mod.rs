//! Sealing of values that a store must not reveal, and tagging of values that Latchkey must recognize as its own.
//!
//! All keys come from `LATCHKEY_SECRET`. Each use has its own key, derived by HKDF-SHA256 (RFC 5869) with the [`Purpose`] as
//! its label, so a value sealed or tagged for one use is invalid for every other use.
//!
//! The first secret of the list writes; all of them read. A new secret is introduced in two steps: add it behind the old one in
//! every process, and only then move it to the front. No process then meets a value whose secret it lacks. If it does
//! ([`OpenError::UnknownSecret`]), it cannot tell if the value is genuine.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::{Zeroize, Zeroizing};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::port::{Entropy, EntropyError};

pub(crate) mod aead;
mod secret;

pub use secret::{InvalidSecret, MIN_SECRET, MasterSecrets};

pub use crate::model::{InvalidSealed, Sealed};

/// Minimum length of a prefix of a tag that proves anything, in bytes.
pub const MIN_TAG: usize = 16;
/// Length of a whole tag, in bytes.
pub const TAG_LEN: usize = 32;
/// Length of the name of a secret next to a tag, in bytes.
pub const SECRET_NAME: usize = 6;

/// Purpose of a derived key. Each use declares its own constant. Never reuse a label for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose(&'static str);

impl Purpose {
    /// Returns the purpose with this label.
    pub const fn new(label: &'static str) -> Self {
        Self(label)
    }
}

/// Reason that a value was not sealed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SealError {
    /// The generator gave no nonce.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The plaintext is longer than the cipher allows (256 GiB).
    #[error("the value is too long to be sealed")]
    TooLong,
}

/// Reason that a sealed value did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its secret is not in the list.
    #[error(
        "it was sealed under a secret that LATCHKEY_SECRET does not list here: add that secret behind the first one, \
         separated by a comma"
    )]
    UnknownSecret,
    /// It was changed, or sealed for another purpose or with other associated data.
    #[error("it was changed after it was sealed, or belongs elsewhere")]
    Refused,
}

/// Reason that a value was not resealed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResealError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Sealer and tagger with keys derived from the master secrets.
pub struct Sealer {
    current: Root,
    older: Vec<Root>,
}

impl Sealer {
    /// Returns a sealer with these secrets.
    pub fn new(secrets: &MasterSecrets) -> Self {
        Self {
            current: Root::new(&secrets.current),
            older: secrets.older.iter().map(|s| Root::new(s)).collect(),
        }
    }

    /// Encrypts `plaintext` with the current secret and binds it to `purpose` and `associated_data`: both are needed to open it
    /// (XChaCha20-Poly1305 with a random nonce).
    pub fn seal(
        &self,
        purpose: Purpose,
        associated_data: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Sealed, SealError> {
        let key = self.current.derive(Use::Seal, purpose);
        Ok(Sealed {
            secret: self.current.id,
            bytes: aead::encrypt(&key, associated_data, plaintext, entropy)?,
        })
    }

    /// Returns the plaintext of a value that was sealed with the current secret or an older one.
    pub fn open(
        &self,
        purpose: Purpose,
        associated_data: &[u8],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let root = self.roots().find(|root| root.id == sealed.secret).ok_or(OpenError::UnknownSecret)?;
        let key = root.derive(Use::Seal, purpose);
        aead::decrypt(&key, associated_data, &sealed.bytes).ok_or(OpenError::Refused)
    }

    /// Seals the plaintext of `sealed` with the current secret, for the same purpose and data. Returns `None` if it already is.
    pub fn reseal(
        &self,
        purpose: Purpose,
        associated_data: &[u8],
        sealed: &Sealed,
        entropy: &dyn Entropy,
    ) -> Result<Option<Sealed>, ResealError> {
        if self.is_current(sealed) {
            return Ok(None);
        }
        let plaintext = self.open(purpose, associated_data, sealed)?;
        Ok(Some(self.seal(purpose, associated_data, &plaintext, entropy)?))
    }

    /// Returns true if there are older secrets, which only read.
    pub fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// Returns true if `sealed` was sealed with the current secret.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.secret == self.current.id
    }

    /// Returns a tag of `message` that only a holder of the current secret can make (HMAC-SHA256, RFC 2104).
    pub fn tag(&self, purpose: Purpose, message: &[u8]) -> [u8; TAG_LEN] {
        self.current.tag(purpose, message)
    }

    /// Returns the name of the current secret, which reveals nothing about it. It is stored next to a tag, so that a process
    /// that lacks the secret knows that it cannot check the tag.
    pub fn secret_name(&self) -> [u8; SECRET_NAME] {
        self.current.name()
    }

    /// Returns true if one of the secrets has this name.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.roots().any(|root| root.name() == name)
    }

    /// Returns true if `tag` is a prefix, of at least [`MIN_TAG`] bytes, of a tag of `message` under the current secret or an
    /// older one. Takes the same time whichever secret matches and wherever the tag differs.
    pub fn verify_tag(&self, purpose: Purpose, message: &[u8], tag: &[u8]) -> bool {
        if tag.len() < MIN_TAG {
            return false;
        }
        let matches =
            |root: &Root| root.tag(purpose, message).get(..tag.len()).map_or(0.into(), |own| own.ct_eq(tag));
        self.roots().map(matches).fold(Choice::from(0), |any, one| any | one).into()
    }

    fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// Root key of one master secret.
struct Root {
    id: crate::model::SecretId,
    /// Pseudo-random key of HKDF, from which the key of each purpose is expanded.
    key: Zeroizing<[u8; 32]>,
}

#[derive(Clone, Copy)]
enum Use {
    Seal,
    Tag,
    Id,
}

impl Root {
    fn new(secret: &[u8]) -> Self {
        let (mut extracted, _) = Hkdf::<Sha256>::extract(Some(b"latchkey"), secret);
        let key = Zeroizing::new(extracted.into());
        extracted.as_mut_slice().zeroize();
        let mut root = Self { id: [0; 8], key };
        let hash: [u8; 32] = Sha256::digest(root.derive(Use::Id, Purpose::new("")).as_slice()).into();
        root.id = hash.first_chunk().copied().unwrap_or_default();
        root
    }

    #[expect(
        clippy::expect_used,
        reason = "HKDF refuses only a short root key or an output over 8,160 bytes"
    )]
    fn derive(&self, usage: Use, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let usage: &[u8] = match usage {
            Use::Seal => b"latchkey/v1/seal/",
            Use::Tag => b"latchkey/v1/tag/",
            Use::Id => b"latchkey/v1/id/",
        };
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::from_prk(self.key.as_slice())
            .expect("the root key is as long as a SHA-256 hash")
            .expand_multi_info(&[usage, purpose.0.as_bytes()], key.as_mut_slice())
            .expect("32 bytes are one block");
        key
    }

    fn name(&self) -> [u8; SECRET_NAME] {
        self.id.first_chunk().copied().unwrap_or_default()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn tag(&self, purpose: Purpose, message: &[u8]) -> [u8; TAG_LEN] {
        Hmac::<Sha256>::new_from_slice(self.derive(Use::Tag, purpose).as_slice())
            .expect("HMAC takes a key of any length")
            .chain_update(message)
            .finalize()
            .into_bytes()
            .into()
    }
}

#[cfg(test)]
mod tests;

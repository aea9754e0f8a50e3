use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use secrecy::zeroize::Zeroizing;

use super::SealError;
use crate::port::Entropy;

/// Length of a nonce, in bytes: long enough to draw it at random for every message under a key.
pub(crate) const NONCE: usize = 24;

/// Encrypts with XChaCha20-Poly1305 under `key`, and returns nonce and ciphertext.
pub(crate) fn encrypt(
    key: &[u8; 32],
    associated_data: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let nonce = entropy.bytes::<NONCE>()?;
    let ciphertext = XChaCha20Poly1305::new(key.into())
        .encrypt((&nonce).into(), Payload { msg: plaintext, aad: associated_data })
        .map_err(|_| SealError::TooLong)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

/// Decrypts the result of [`encrypt`]. Returns `None` if the key, the associated data or any bit differs.
pub(crate) fn decrypt(key: &[u8; 32], associated_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(nonce.into(), Payload { msg: ciphertext, aad: associated_data })
        .ok()
        .map(Zeroizing::new)
}

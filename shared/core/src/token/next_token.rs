use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use super::refresh::RefreshToken;
use crate::model::refresh_family::SealedNextToken;
use crate::port::Entropy;
use crate::seal::{SealError, aead};

impl SealedNextToken {
    pub(super) fn seal(
        old: &RefreshToken,
        next: &RefreshToken,
        entropy: &dyn Entropy,
    ) -> Result<Self, SealError> {
        let sealed = aead::encrypt(&key(old), b"", next.expose().as_bytes(), entropy)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Returns the sealed token, or `None` if it was sealed under another token than `old` or any bit was changed.
    pub(super) fn open(&self, old: &RefreshToken) -> Option<RefreshToken> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        let text = aead::decrypt(&key(old), b"", &sealed)?;
        RefreshToken::read_sealed(std::str::from_utf8(&text).ok()?)
    }
}

/// Derives the sealing key of `old`. The token has 256 random bits of its own, so the key needs no slow derivation. The stored
/// SHA-256 of the token reveals nothing about the key.
#[expect(clippy::expect_used, reason = "HKDF refuses only an output over 8,160 bytes")]
fn key(old: &RefreshToken) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(b"latchkey"), old.expose().as_bytes())
        .expand(b"latchkey/v1/successor", key.as_mut_slice())
        .expect("32 bytes are one block");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{NEW_SECRET, Seeded, sealer, session, user};

    #[test]
    fn opens_with_the_token_before_it_and_with_no_other() {
        let (sealer, entropy) = (sealer(&[NEW_SECRET]), Seeded::new(1));
        let [old, other] =
            [(); 2].map(|()| RefreshToken::issue(user(), session(), &entropy, &sealer).unwrap());
        let next = old.next(&entropy, &sealer).unwrap();
        let closed = SealedNextToken::seal(&old, &next, &entropy).unwrap();
        assert_eq!(closed.open(&old).unwrap().digest(), next.digest());
        assert!(closed.open(&other).is_none());
        assert!(!closed.0.contains(&next.expose()[4..]));
    }
}

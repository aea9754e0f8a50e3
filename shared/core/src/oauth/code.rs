use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::UserId;
use crate::model::Digest;
use crate::port::{Entropy, EntropyError};

/// Prefix by which scanners of logs and repositories recognize a leaked code.
const PREFIX: &str = "lkc_";
const SECRET: usize = 32;
const RAW: usize = 16 + SECRET;

/// One-time code that an app which stores its own tokens gets in a URL and exchanges for them: `lkc_` and the base64url of the
/// user (16 bytes) and a secret of 256 random bits. It is worthless without the verifier, which only the app has.
pub struct OneTimeCode {
    text: SecretString,
    digest: Digest,
    user: UserId,
}

impl OneTimeCode {
    /// Returns a new code for `user`.
    pub fn issue(user: UserId, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let secret = Zeroizing::new(entropy.bytes::<SECRET>()?);
        let mut raw = Zeroizing::new(Vec::with_capacity(RAW));
        raw.extend_from_slice(user.as_bytes());
        raw.extend_from_slice(secret.as_slice());
        let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(raw.as_slice()));
        Ok(Self { digest: Digest::of(text.as_bytes()), text: text.into(), user })
    }

    /// Parses a code. Only the store knows if it was issued.
    pub fn parse(text: &str) -> Option<Self> {
        let mut raw = Zeroizing::new([0; RAW]);
        // 48 bytes are exactly 64 characters, so each code has one spelling.
        let read =
            BASE64_URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(PREFIX)?, raw.as_mut_slice()).ok()?;
        let (user, _) = raw.split_first_chunk()?;
        let code =
            Self { digest: Digest::of(text.as_bytes()), text: text.into(), user: UserId::from_bytes(*user) };
        (read == RAW).then_some(code)
    }

    /// Returns the digest that is stored in its place.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the user whom it signs in.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Returns the text of the code. Use it only for the app's URL.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(…)")
    }
}

/// PKCE challenge of an app, S256 only (RFC 7636, section 4.2): the SHA-256 of a verifier, as 43 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(Digest);

/// Error: the text is not a [`CodeChallenge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code challenge: expected the base64url of a SHA-256, 43 characters")]
pub struct InvalidCodeChallenge;

impl CodeChallenge {
    /// Returns true if it was made from `verifier`, which has 43 to 128 unreserved characters (RFC 7636, section 4.1).
    pub fn is_of(&self, verifier: &SecretString) -> bool {
        let text = verifier.expose_secret();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        (43..=128).contains(&text.len()) && text.bytes().all(plain) && Digest::of(text.as_bytes()) == self.0
    }
}

impl FromStr for CodeChallenge {
    type Err = InvalidCodeChallenge;
    fn from_str(text: &str) -> Result<Self, InvalidCodeChallenge> {
        text.parse().map(Self).map_err(|_| InvalidCodeChallenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{Seeded, user};
    use proptest::prelude::*;

    #[test]
    fn parses_what_it_issued() {
        let code = OneTimeCode::issue(user(), &Seeded::new(1)).unwrap();
        assert_eq!(code.expose().len(), 68);
        let parsed = OneTimeCode::parse(code.expose()).unwrap();
        assert_eq!((parsed.user(), parsed.digest()), (user(), code.digest()));
        let other = OneTimeCode::issue(user(), &Seeded::new(2)).unwrap();
        assert_ne!(code.digest(), other.digest());
    }

    #[test]
    fn other_forms_are_refused() {
        let good = OneTimeCode::issue(user(), &Seeded::new(1)).unwrap().expose().to_owned();
        let longer = format!("{good}A");
        let (padded, spaced, upper) = (format!("{good}="), format!(" {good}"), good.replace("lkc_", "LKC_"));
        for text in
            ["", "lkc_", &good[4..], &good[..67], &longer, &padded, &spaced, &upper, &"A".repeat(9000)]
        {
            assert!(OneTimeCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let code = OneTimeCode::issue(user(), &Seeded::new(1)).unwrap();
        assert_eq!(format!("{code:?}"), "OneTimeCode(…)");
    }

    #[test]
    fn a_challenge_is_met_by_its_verifier_only() {
        // RFC 7636, appendix B.
        let challenge: CodeChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".parse().unwrap();
        let met = |verifier: &str| challenge.is_of(&verifier.into());
        assert!(met("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        for verifier in
            ["", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
        {
            assert!(!met(verifier), "{verifier}");
        }
    }

    #[test]
    fn a_verifier_that_could_be_guessed_meets_nothing() {
        for short in ["", "a", &"a".repeat(42), &"a".repeat(129), &format!("{}+", "a".repeat(50))] {
            let challenge = CodeChallenge(Digest::of(short.as_bytes()));
            assert!(!challenge.is_of(&short.into()), "{short}");
        }
    }

    #[test]
    fn only_s256_challenges_parse() {
        for bad in [
            "",
            "plain",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        ] {
            assert_eq!(bad.parse::<CodeChallenge>(), Err(InvalidCodeChallenge), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "(lkc_)?\\PC{0,80}") {
            let _ = OneTimeCode::parse(&text);
        }
    }
}

//! Opaque token that gets the next access token.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::model::Digest;
use crate::port::{Entropy, EntropyError};
use crate::seal::{Purpose, SECRET_NAME, Sealer};
use crate::{SessionId, UserId};

const PURPOSE: Purpose = Purpose::new("refresh-token");
/// Prefix by which scanners of logs and repositories recognize a leaked token.
const PREFIX: &str = "lkr_";
const SECRET: usize = 32;
const TAG: usize = 16;
/// User, session, generation and secret.
const NAMED: usize = 16 + 16 + 4 + SECRET;
/// All of these and the name of the master secret: the bytes that the tag covers.
const TAGGED: usize = NAMED + SECRET_NAME;
const RAW: usize = TAGGED + TAG;

/// Refresh token: `lkr_` and the base64url of user (16 bytes), session (16), generation (4, big-endian), a secret of 256 random
/// bits, the name of a master secret (6), and a tag under it (16).
///
/// The tag is an HMAC of all preceding bytes under a key of this deployment. It distinguishes an issued token from an invented
/// one without a store access. Otherwise anybody who knows the identifier of a session could present an "old token" of it and
/// so have the session revoked.
pub struct RefreshToken {
    text: SecretString,
    digest: Digest,
    user: UserId,
    session: SessionId,
    generation: u32,
}

/// Reason that a text is not accepted as a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefreshToken {
    /// It was not issued by this deployment.
    #[error("the refresh token is not valid")]
    Forged,
    /// It names a master secret that this process lacks, so it may be genuine.
    #[error("the refresh token was issued under a secret that LATCHKEY_SECRET does not list here")]
    UnknownSecret,
}

impl RefreshToken {
    /// Issues the first token of a session.
    pub fn issue(
        user: UserId,
        session: SessionId,
        entropy: &dyn Entropy,
        sealer: &Sealer,
    ) -> Result<Self, EntropyError> {
        Self::of_generation(0, user, session, entropy, sealer)
    }

    /// Returns the token that replaces this one.
    pub(super) fn next(&self, entropy: &dyn Entropy, sealer: &Sealer) -> Result<Self, EntropyError> {
        Self::of_generation(self.generation.saturating_add(1), self.user, self.session, entropy, sealer)
    }

    fn of_generation(
        generation: u32,
        user: UserId,
        session: SessionId,
        entropy: &dyn Entropy,
        sealer: &Sealer,
    ) -> Result<Self, EntropyError> {
        let secret = Zeroizing::new(entropy.bytes::<SECRET>()?);
        let mut raw = Zeroizing::new(Vec::with_capacity(RAW));
        raw.extend_from_slice(user.as_bytes());
        raw.extend_from_slice(session.as_bytes());
        raw.extend_from_slice(&generation.to_be_bytes());
        raw.extend_from_slice(secret.as_slice());
        raw.extend_from_slice(&sealer.secret_name());
        let tag = sealer.tag(PURPOSE, &raw);
        raw.extend(tag.iter().take(TAG));
        let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(raw.as_slice()));
        Ok(Self { digest: Digest::of(text.as_bytes()), text: text.into(), user, session, generation })
    }

    /// Parses a token that was issued under one of the master secrets, without a store access.
    pub fn parse(text: &str, sealer: &Sealer) -> Result<Self, InvalidRefreshToken> {
        let (token, raw) = Self::read(text).ok_or(InvalidRefreshToken::Forged)?;
        let (tagged, tag) = raw.split_at(TAGGED);
        let (_, name) = tagged.split_at(NAMED);
        if sealer.verify_tag(PURPOSE, tagged, tag) {
            Ok(token)
        } else if sealer.knows(name) {
            Err(InvalidRefreshToken::Forged)
        } else {
            Err(InvalidRefreshToken::UnknownSecret)
        }
    }

    /// Parses a token that is known to be genuine, because it was sealed.
    pub(super) fn read_sealed(text: &str) -> Option<Self> {
        Self::read(text).map(|(token, _)| token)
    }

    fn read(text: &str) -> Option<(Self, Zeroizing<[u8; RAW]>)> {
        let mut raw = Zeroizing::new([0; RAW]);
        let encoded = text.strip_prefix(PREFIX)?;
        // 90 bytes are exactly 120 characters, so each token has one spelling.
        let read = BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, raw.as_mut_slice()).ok()?;
        let (user, rest) = raw.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (generation, _) = rest.split_first_chunk()?;
        let token = Self {
            digest: Digest::of(text.as_bytes()),
            text: text.into(),
            user: UserId::from_bytes(*user),
            session: SessionId::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
        };
        (read == RAW).then_some((token, raw))
    }

    /// Returns the digest that is stored in its place.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns its user.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Returns its session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Returns the number of earlier tokens of the session.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns the text of the token. Give it only to its owner.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("session", &self.session)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::{NEW_SECRET, OLD_SECRET, Seeded, sealer, session, user};
    use proptest::prelude::*;

    fn token(seed: u64) -> RefreshToken {
        RefreshToken::issue(user(), session(), &Seeded::new(seed), &sealer(&[NEW_SECRET])).unwrap()
    }

    #[test]
    fn parses_what_it_issued() {
        let sealer = sealer(&[NEW_SECRET]);
        let token = token(1).next(&Seeded::new(2), &sealer).unwrap();
        assert_eq!(token.expose().len(), 124);
        let parsed = RefreshToken::parse(token.expose(), &sealer).unwrap();
        assert_eq!((parsed.user(), parsed.session(), parsed.generation()), (user(), session(), 1));
        assert_eq!(parsed.digest(), Digest::of(token.expose().as_bytes()));
    }

    #[test]
    fn is_read_under_every_secret_of_the_list_and_without_its_own_nobody_can_tell() {
        let old = RefreshToken::issue(user(), session(), &Seeded::new(1), &sealer(&[OLD_SECRET])).unwrap();
        for list in [[NEW_SECRET, OLD_SECRET], [OLD_SECRET, NEW_SECRET]] {
            assert!(RefreshToken::parse(old.expose(), &sealer(&list)).is_ok());
        }
        let refused = RefreshToken::parse(old.expose(), &sealer(&[NEW_SECRET]));
        assert_eq!(refused.unwrap_err(), InvalidRefreshToken::UnknownSecret);
    }

    #[test]
    fn a_token_made_from_known_identifiers_is_refused() {
        let name = sealer(&[NEW_SECRET]).secret_name();
        let mut raw =
            [user().as_bytes().as_slice(), session().as_bytes(), &[0; 4], &[7; SECRET], &name].concat();
        raw.extend([0; TAG]);
        let forged = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(raw));
        assert!(RefreshToken::read_sealed(&forged).is_some(), "the form is right, only the tag is not");
        assert_eq!(
            RefreshToken::parse(&forged, &sealer(&[NEW_SECRET])).unwrap_err(),
            InvalidRefreshToken::Forged
        );
    }

    #[test]
    fn other_forms_are_refused() {
        let good = token(1).expose().to_owned();
        for text in [
            "",
            "lkr_",
            "lkr",
            &good[4..],
            &good[..123],
            &format!("{good}A"),
            &format!("{good}="),
            &format!(" {good}"),
            &format!("{good}\n"),
            &good.replace("lkr_", "LKR_"),
            &good.replace("lkr_", "lkr-"),
            &"A".repeat(10_000),
        ] {
            assert_eq!(
                RefreshToken::parse(text, &sealer(&[NEW_SECRET])).unwrap_err(),
                InvalidRefreshToken::Forged,
                "{text}"
            );
        }
    }

    #[test]
    fn a_token_that_ends_in_zeros_has_no_shorter_spelling() {
        let ends_in_zero = |token: &RefreshToken| {
            BASE64_URL_SAFE_NO_PAD.decode(&token.expose()[4..]).unwrap().ends_with(&[0])
        };
        let token = (0..10_000).map(token).find(ends_in_zero).unwrap();
        assert!(RefreshToken::parse(&token.expose()[..123], &sealer(&[NEW_SECRET])).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = token(1);
        let shown = format!("{token:?}");
        assert!(shown.contains("generation") && !shown.contains("lkr_"), "{shown}");
        assert!(!shown.contains(&token.expose()[60..]), "{shown}");
    }

    proptest! {
        #[test]
        fn any_changed_character_is_refused(place in 0..124usize, with in "[A-Za-z0-9_-]", seed: u64) {
            let good = token(seed).expose().to_owned();
            let mut changed = good.clone();
            changed.replace_range(place..=place, &with);
            prop_assume!(changed != good);
            prop_assert!(RefreshToken::parse(&changed, &sealer(&[NEW_SECRET])).is_err());
        }

        #[test]
        fn any_text_is_refused(text in "(lkr_)?\\PC{0,130}") {
            prop_assert!(RefreshToken::parse(&text, &sealer(&[NEW_SECRET])).is_err());
        }
    }
}

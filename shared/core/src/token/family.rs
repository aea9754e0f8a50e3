//! The rules of a refresh token's single use, as a value: what a session stores of its tokens, and what follows when one is
//! presented.
//!
//! Each use replaces the token. The token used last is answered with its next token as long as nobody has presented that
//! one, for [`LOST_RESPONSE_WINDOW`]: the response was lost. Every used token is answered within [`REUSE_WINDOW`] of its use:
//! two tabs asked at once. Otherwise a used token proves that two parties hold it, and one of them stole it (RFC 9700,
//! section 4.14.2).

use std::time::Duration;

use super::refresh::RefreshToken;
use super::{LOST_RESPONSE_WINDOW, REUSE_WINDOW};
use crate::Timestamp;
use crate::model::RefreshFamily;
use crate::model::refresh_family::{SealedNextToken, UsedToken};
use crate::port::Entropy;
use crate::seal::{SealError, Sealer};

/// How many used tokens are remembered at the most. More than one is only ever there while a client refreshes several times
/// within [`REUSE_WINDOW`].
const MAX_USED: usize = 8;

/// What a presented token means for its session.
#[derive(Debug)]
pub enum Presentation<'a> {
    /// It is the live token: replace it.
    Rotate(Rotation<'a>),
    /// It was used a moment ago, or its next token was never presented: answer with this, the live token. Nothing is to be
    /// stored.
    Again(RefreshToken),
    /// It was used and replaced before that: revoke the session.
    Reused,
    /// It is newer than what the store knows, as after the store was restored from a backup: refuse it, and leave the
    /// session.
    Unknown,
}

/// The live token was presented and may be replaced.
#[derive(Debug)]
pub struct Rotation<'a> {
    family: &'a RefreshFamily,
    presented: &'a RefreshToken,
    now: Timestamp,
}

/// The stored next token of a used token does not open: the store was changed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored successor of a refresh token is unreadable")]
pub struct UnreadableNextToken;

impl RefreshFamily {
    /// The family of a session's first token.
    pub fn new(first: &RefreshToken) -> Self {
        Self { generation: first.generation(), current: first.digest(), used: Vec::new() }
    }

    /// What `token`, which names this family's session, means at `now`. A clock that jumped back counts as within the
    /// window.
    pub fn present<'a>(
        &'a self,
        token: &'a RefreshToken,
        now: Timestamp,
    ) -> Result<Presentation<'a>, UnreadableNextToken> {
        if token.digest() == self.current {
            return Ok(Presentation::Rotate(Rotation { family: self, presented: token, now }));
        }
        if token.generation() > self.generation {
            return Ok(Presentation::Unknown);
        }
        let mut later = self.used.iter().skip_while(|used| used.digest != token.digest());
        match later.next() {
            Some(used) if now.since(used.at) <= self.window(used) => {
                let next = used.next.open(token).ok_or(UnreadableNextToken)?;
                // Its next token may itself be used by now. Only the live token is worth having.
                let live = later.try_fold(next, |token, used| used.next.open(&token));
                live.map(Presentation::Again).ok_or(UnreadableNextToken)
            }
            _ => Ok(Presentation::Reused),
        }
    }
}

impl RefreshFamily {
    /// How long after its use `used` is still answered. The live token is one that nobody has presented, or it would have
    /// been replaced: so that holds of the next token of the one used last, and of no other.
    fn window(&self, used: &UsedToken) -> Duration {
        let is_last = self.used.last().is_some_and(|last| last.digest == used.digest);
        if is_last { LOST_RESPONSE_WINDOW } else { REUSE_WINDOW }
    }
}

impl Rotation<'_> {
    /// The family after this use, and the token that took the presented one's place. The caller stores the family on
    /// condition that it has not changed since it was read, and hands the token out only once that succeeded.
    pub fn mint(
        self,
        entropy: &dyn Entropy,
        sealer: &Sealer,
    ) -> Result<(RefreshFamily, RefreshToken), SealError> {
        let Self { family, presented, now } = self;
        let next = presented.next(entropy, sealer)?;
        let mut used: Vec<UsedToken> =
            family.used.iter().skip_while(|used| now.since(used.at) > REUSE_WINDOW).cloned().collect();
        used.push(UsedToken {
            digest: presented.digest(),
            at: now,
            next: SealedNextToken::seal(presented, &next, entropy)?,
        });
        let used = used.split_off(used.len().saturating_sub(MAX_USED));
        Ok((RefreshFamily { generation: next.generation(), current: next.digest(), used }, next))
    }
}

#[cfg(test)]
mod tests;

//! Rules of a refresh token's single use, as a value: the tokens that a session stores, and the result of presenting one.
//!
//! Each use replaces the token. The last used token still gets its next token for [`LOST_RESPONSE_WINDOW`], as long as nobody
//! has presented that next token: the response was lost. Every used token gets the live token within [`REUSE_WINDOW`] of its
//! use: two tabs refreshed at once. Otherwise a used token proves that two clients hold it, and one of them stole it (RFC 9700,
//! section 4.14.2).

use std::time::Duration;

use super::refresh::RefreshToken;
use super::{LOST_RESPONSE_WINDOW, REUSE_WINDOW};
use crate::Timestamp;
use crate::model::RefreshFamily;
use crate::model::refresh_family::{SealedNextToken, UsedToken};
use crate::port::Entropy;
use crate::seal::{SealError, Sealer};

/// Maximum number of used tokens that are stored. There is more than one only while a client refreshes several times within
/// [`REUSE_WINDOW`].
const MAX_USED: usize = 8;

/// Result of presenting a token to its session.
#[derive(Debug)]
pub enum Presentation<'a> {
    /// The token is live: replace it.
    Rotate(Rotation<'a>),
    /// The token was used a moment ago, or its next token was never presented: respond with this token, the live one. Store
    /// nothing.
    Again(RefreshToken),
    /// The token was used and replaced before that: revoke the session.
    Reused,
    /// The token is newer than the stored state, for example after the store was restored from a backup: refuse it, and do not
    /// touch the session.
    Unknown,
}

/// Right to replace the live token, which was presented.
#[derive(Debug)]
pub struct Rotation<'a> {
    family: &'a RefreshFamily,
    presented: &'a RefreshToken,
    now: Timestamp,
}

/// Error: the stored next token of a used token does not open, so the stored data was changed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored next token of a used refresh token is unreadable")]
pub struct UnreadableNextToken;

impl RefreshFamily {
    /// Returns the family of the first token of a session.
    pub fn new(first: &RefreshToken) -> Self {
        Self { generation: first.generation(), current: first.digest(), used: Vec::new() }
    }

    /// Evaluates `token`, which names the session of this family, at `now`. A clock that jumped back counts as within the
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
                // The next token may be used already. Only the live token is useful.
                let live = later.try_fold(next, |token, used| used.next.open(&token));
                live.map(Presentation::Again).ok_or(UnreadableNextToken)
            }
            _ => Ok(Presentation::Reused),
        }
    }
}

impl RefreshFamily {
    /// Returns the time after its use for which `used` still gets the live token. Nobody has presented the live token, or it
    /// would have been replaced. So only the next token of the last used token can be unpresented.
    fn window(&self, used: &UsedToken) -> Duration {
        let is_last = self.used.last().is_some_and(|last| last.digest == used.digest);
        if is_last { LOST_RESPONSE_WINDOW } else { REUSE_WINDOW }
    }
}

impl Rotation<'_> {
    /// Returns the family after this use, and the token that replaces the presented one. The caller stores the family on
    /// condition that it has not changed since it was read, and returns the token to the client only after that succeeded.
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

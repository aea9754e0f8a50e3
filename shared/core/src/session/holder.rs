//! Ending a session with any of its tokens.

use super::{AuthenticateError, Sessions};
use crate::fault::{Fault, carry_faults};
use crate::limit::RateLimitExceeded;
use crate::model::audit::{Action, Actor, Requester};
use crate::model::{Session, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::port::StoreError;
use crate::port::table::{Version, Write};
use crate::token::{InvalidRefreshToken, InvalidToken, Presentation, Reason, RefreshToken};
use crate::{SessionId, UserId};

/// Client that holds a token of a session. An expired or used token can still end its own session, because an old token must
/// not prevent a sign-out.
#[derive(Debug)]
pub struct TokenHolder {
    user: UserId,
    session: SessionId,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Access { is_expired: bool },
    Refresh(RefreshToken),
}

/// Reason that a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The session has ended already.
    #[error("the session has ended")]
    Ended,
    /// The token is expired or used: it can end its own session but nothing else.
    #[error("the token is expired or used")]
    Weak,
    /// The session makes too many requests.
    #[error(transparent)]
    Limited(#[from] RateLimitExceeded),
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(EndError);

impl TokenHolder {
    /// Returns the session that the token names, live or not, and its user.
    pub fn names(&self) -> (UserId, SessionId) {
        (self.user, self.session)
    }

    /// Returns true if both tokens name the same session.
    pub fn is_of_one_session(&self, other: &Self) -> bool {
        (self.user, self.session) == (other.user, other.session)
    }
}

impl Sessions {
    /// Returns the holder of an access token, expired or not. Reads the store only for keys.
    pub async fn holder_of_access(&self, token: &[u8]) -> Result<TokenHolder, AuthenticateError> {
        let now = self.clock.now();
        let text = std::str::from_utf8(token).map_err(|_| InvalidToken::from(Reason::Malformed))?;
        let claims = self.keys.verify_expired(text, now).await?;
        let proof = Proof::Access { is_expired: now >= claims.expires_at() };
        Ok(TokenHolder { user: claims.sub, session: claims.sid, proof })
    }

    /// Returns the holder of a refresh token, used or not. Does not read the store.
    pub fn holder_of_refresh(&self, token: &[u8]) -> Result<TokenHolder, InvalidRefreshToken> {
        let text = std::str::from_utf8(token).map_err(|_| InvalidRefreshToken::Forged)?;
        let token = RefreshToken::parse(text, &self.sealer)?;
        Ok(TokenHolder { user: token.user(), session: token.session(), proof: Proof::Refresh(token) })
    }

    /// Ends the session that the token names: one read, one commit, and one audit event even if several requests end it at
    /// once.
    pub async fn end(&self, holder: &TokenHolder, from: &Requester) -> Result<(), EndError> {
        self.memory.meter(holder.session).admit(&self.limits, self.clock.now())?;
        let mut event = self.audit.event(Action::SessionRevoked, Actor::User(holder.user), from)?;
        event.resource = Some(format!("session:{}", holder.session));
        let (event, busy) = (&event, || EndError::from(kept_changing(holder.session)));
        retry(MAX_TRIES, busy, || async {
            let (_, session, version) = self.held(holder).await?;
            let key = Session::key(session.user_id, session.id);
            let writes = [Write::Delete { key, condition: Some(version) }, self.audit.write(event)?];
            let ended = self.table.commit(&writes, self.clock.now()).await;
            // Without a response the session may have ended, so its copy in memory must not be used either.
            self.forget(session.id);
            // A conflict: a refresh was faster, or another request ended the session.
            Ok(Commit::of(ended, ())?)
        })
        .await
    }

    /// Returns the user whose sessions the token may all end. The token must be valid now: an access token is valid until it
    /// expires, and a refresh token while a refresh would accept it.
    pub async fn vouch(&self, holder: &TokenHolder) -> Result<UserId, EndError> {
        if matches!(holder.proof, Proof::Access { is_expired: true }) {
            return Err(EndError::Weak);
        }
        self.memory.meter(holder.session).admit(&self.limits, self.clock.now())?;
        let (user, session, _) = self.held(holder).await?;
        let is_good = match &holder.proof {
            Proof::Access { .. } => true,
            Proof::Refresh(token) => {
                matches!(
                    session.family.present(token, self.clock.now()),
                    Ok(Presentation::Rotate(_) | Presentation::Again(_))
                )
            }
        };
        if is_good { Ok(user.id) } else { Err(EndError::Weak) }
    }

    /// Returns the live session that the token names, with its user.
    async fn held(&self, holder: &TokenHolder) -> Result<(User, Session, Version), EndError> {
        let now = self.clock.now();
        let read = self.read(holder.user, holder.session, now).await?;
        let Some((user, session, version)) = read.filter(|(user, session, _)| session.lives(user, now))
        else {
            self.forget(holder.session);
            return Err(EndError::Ended);
        };
        Ok((user, session, version))
    }
}

/// Returns the error of a change that lost every race against other changes of the session.
pub(super) fn kept_changing(session: SessionId) -> StoreError {
    StoreError::Unavailable(format!("the session {session} kept being changed by others"))
}

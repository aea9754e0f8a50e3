use secrecy::{ExposeSecret, SecretString};

use super::live::EndOfSessions;
use super::{Sessions, Tokens};
use crate::fault::{Fault, carry_faults};
use crate::limit::RateLimitExceeded;
use crate::model::audit::{Action, Actor, Requester};
use crate::model::permission::{Policy, Versioned};
use crate::model::{Session, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::permission::Roles;
use crate::port::StoreError;
use crate::port::table::{Version, Write};
use crate::token::family::UnreadableNextToken;
use crate::token::{InvalidRefreshToken, Presentation, RefreshToken, Rotation, Signer};
use crate::{SessionId, Timestamp, UserId};

/// Result of a refresh.
#[derive(Debug)]
pub struct RefreshedSession {
    /// User, as just read.
    pub user: User,
    /// The session.
    pub session: Session,
    /// New tokens.
    pub tokens: Tokens,
}

/// Reason that a refresh gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token was not issued by this deployment.
    #[error("the refresh token is not valid")]
    Invalid,
    /// The token is genuine, but its session has ended. The holder must sign in again.
    #[error("the session of the refresh token has ended")]
    Ended {
        /// True if the audit log records it: this use of a used token ended the session.
        is_audited: bool,
    },
    /// The token may be genuine, but this process lacks the secret that it names.
    #[error(
        "a refresh token names a secret that LATCHKEY_SECRET does not list here: add that secret behind the first one"
    )]
    UnknownSecret,
    /// The session makes too many requests.
    #[error(transparent)]
    Limited(#[from] RateLimitExceeded),
    /// Other requests kept refreshing the same session.
    #[error("the session is being refreshed")]
    Busy,
    /// The request failed. The token may still be valid.
    #[error(transparent)]
    Fault(Fault),
    /// The stored data was changed from outside.
    #[error(transparent)]
    Unreadable(#[from] UnreadableNextToken),
}

impl From<InvalidRefreshToken> for RefreshError {
    fn from(error: InvalidRefreshToken) -> Self {
        match error {
            InvalidRefreshToken::Forged => Self::Invalid,
            InvalidRefreshToken::UnknownSecret => Self::UnknownSecret,
        }
    }
}

carry_faults!(RefreshError);

impl Sessions {
    /// Exchanges a refresh token for the next one and a new access token (RFC 9700, section 4.14.2): one read, one commit.
    ///
    /// The exchange is a compare-and-set of the session. Of any number of parallel exchanges one rotates; the others find the
    /// token just used and return the same next token. If a used token is presented although its next token was presented
    /// before, one of the two was stolen: the session ends for both holders. All steps that can fail come before the commit, so
    /// a fault of the server never looks like theft.
    pub async fn refresh(
        &self,
        text: &SecretString,
        from: &Requester,
    ) -> Result<RefreshedSession, RefreshError> {
        let token = RefreshToken::parse(text.expose_secret(), &self.sealer)?;
        // The token is genuine, so the count belongs to a session that existed.
        self.memory.meter(token.session()).admit(&self.limits, self.clock.now())?;
        retry(MAX_TRIES, || RefreshError::Busy, || self.try_refresh(&token, from)).await
    }

    async fn try_refresh(
        &self,
        token: &RefreshToken,
        from: &Requester,
    ) -> Result<Commit<RefreshedSession>, RefreshError> {
        let now = self.clock.now();
        let read = self.read(token.user(), token.session(), now).await?;
        let (user, session, version) = read.ok_or(RefreshError::Ended { is_audited: false })?;
        if !session.lives(&user, now) {
            return Err(RefreshError::Ended { is_audited: false });
        }
        match session.family.present(token, now)? {
            Presentation::Unknown => Err(RefreshError::Ended { is_audited: false }),
            Presentation::Reused => match self.revoke_reused(&session, version, from).await? {
                Commit::Done(()) => Err(RefreshError::Ended { is_audited: true }),
                // The session changed meanwhile, so evaluate the token again.
                Commit::Conflict(()) => Ok(Commit::Conflict(())),
            },
            Presentation::Again(live) => {
                let tokens = self.tokens(&user, &session, &live, &self.signer().await?)?;
                Ok(Commit::Done(RefreshedSession { user, session, tokens }))
            }
            Presentation::Rotate(rotation) => {
                let signer = self.signer().await?;
                Ok(match self.rotate(rotation, &user, &session, version, &signer).await? {
                    Commit::Done((session, tokens)) => {
                        Commit::Done(RefreshedSession { user, session, tokens })
                    }
                    Commit::Conflict(()) => Commit::Conflict(()),
                })
            }
        }
    }

    /// Returns a session with its user, live or not. Returns `None` if it ended with the sessions of all users.
    pub(super) async fn read(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<(User, Session, Version)>, StoreError> {
        let mut keys = vec![User::key(user), Session::key(user, session)];
        // Read once a minute, in the same round trip.
        let known = self.memory.ended(now);
        if known.is_none() {
            keys.push(Roles::key());
        }
        let mut items = self.table.get(&keys, now).await?.into_iter();
        let (Some(Some(user)), Some(Some(item))) = (items.next(), items.next()) else { return Ok(None) };
        let ended = if let Some(ended) = known {
            ended
        } else {
            let policy = Versioned::<Policy>::read(items.next().flatten().as_ref())?.value;
            let ended = EndOfSessions { before: policy.sessions_from(), read_at: now };
            self.memory.remember_ended(ended);
            ended
        };
        let session: Session = item.decode()?;
        Ok(if session.is_ended(ended.before) { None } else { Some((user.decode()?, session, item.version)) })
    }

    /// Replaces the live token by the next one.
    async fn rotate(
        &self,
        rotation: Rotation<'_>,
        user: &User,
        session: &Session,
        version: Version,
        signer: &Signer,
    ) -> Result<Commit<(Session, Tokens)>, RefreshError> {
        let now = self.clock.now();
        let (family, next) = rotation.mint(&*self.entropy, &self.sealer)?;
        let seen_at = if session.is_seen_long_ago(now) { now } else { session.seen_at };
        let session = Session { seen_at, family, ..session.clone() };
        let tokens = self.tokens(user, &session, &next, signer)?;
        let write = Write::replace(Session::key(session.user_id, session.id), &session, version)?
            .expiring(session.ends_at());
        Ok(Commit::of(self.table.commit(&[write], now).await, (session, tokens))?)
    }

    /// Ends the session whose used token was presented again.
    async fn revoke_reused(
        &self,
        session: &Session,
        version: Version,
        from: &Requester,
    ) -> Result<Commit<()>, RefreshError> {
        let mut event = self.audit.event(Action::TokenReused, Actor::System, from)?;
        event.user_id = Some(session.user_id);
        event.resource = Some(format!("session:{}", session.id));
        let key = Session::key(session.user_id, session.id);
        let writes = [Write::Delete { key, condition: Some(version) }, self.audit.write(&event)?];
        let ended = self.table.commit(&writes, self.clock.now()).await;
        // Without a response the session may have ended.
        self.forget(session.id);
        let revoked = Commit::of(ended, ())?;
        if let Commit::Done(()) = revoked {
            tracing::warn!(session = %session.id, "a used refresh token was presented again; its session was revoked");
        }
        Ok(revoked)
    }
}

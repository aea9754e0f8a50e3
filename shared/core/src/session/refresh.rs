use secrecy::{ExposeSecret, SecretString};

use super::live::Ended;
use super::{IssueError, Session, Sessions, Tokens};
use crate::account::User;
use crate::audit::{Action, Actor, Requester};
use crate::limit::Limited;
use crate::permission::{Policy, Roles, Versioned};
use crate::port::table::{CommitError, Version, Write};
use crate::port::{EntropyError, StoreError};
use crate::seal::SealError;
use crate::token::family::UnreadableSuccessor;
use crate::token::{InvalidRefreshToken, Presented, RefreshToken, Rotation, Signer};
use crate::{SessionId, Timestamp, UserId};

const MAX_TRIES: usize = 8;

/// What a refresh leads to.
#[derive(Debug)]
pub struct Refreshed {
    /// The user, read anew.
    pub user: User,
    /// The session.
    pub session: Session,
    /// Its new tokens.
    pub tokens: Tokens,
}

/// Why a refresh token gave no tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is not one of ours.
    #[error("the refresh token is not valid")]
    Invalid,
    /// It is one of ours, and its session has ended: the holder must sign in again.
    #[error("the session of the refresh token has ended")]
    Ended {
        /// Whether the audit log has it: this very use of a used token ended the session.
        is_audited: bool,
    },
    /// It may be one of ours: this process lacks the secret that it names.
    #[error(
        "a refresh token names a secret that LATCHKEY_SECRET does not list here: add that secret behind the first one"
    )]
    UnknownSecret,
    /// The session makes too many requests.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// Others kept refreshing the same session.
    #[error("the session is being refreshed")]
    Busy,
    /// The store gave no answer: the token may still be good.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tokens could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The successor could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store was changed from outside.
    #[error(transparent)]
    Unreadable(#[from] UnreadableSuccessor),
}

impl From<InvalidRefreshToken> for RefreshError {
    fn from(error: InvalidRefreshToken) -> Self {
        match error {
            InvalidRefreshToken::Forged => Self::Invalid,
            InvalidRefreshToken::UnknownSecret => Self::UnknownSecret,
        }
    }
}

impl From<EntropyError> for RefreshError {
    fn from(error: EntropyError) -> Self {
        Self::Issue(error.into())
    }
}

impl Sessions {
    /// Exchanges a refresh token for the next one and a new access token (RFC 9700, section 4.14.2): one read, one commit.
    ///
    /// The exchange is a compare-and-set of the session, so of any number made at once one rotates and the others find the token
    /// just used, and get the same next token. A used token whose next one was presented before is a stolen one, or the thief
    /// was first: the session ends for both holders. Whatever can fail is done before the commit, so that a fault of ours
    /// never looks like theft.
    pub async fn refresh(&self, text: &SecretString, from: &Requester) -> Result<Refreshed, RefreshError> {
        let token = RefreshToken::parse(text.expose_secret(), &self.sealer)?;
        // A genuine token, so the count is of a session that there was.
        self.memory.meter(token.session()).admit(&self.limits, self.clock.now())?;
        for _ in 0..MAX_TRIES {
            let now = self.clock.now();
            let read = self.read(token.user(), token.session(), now).await?;
            let (user, session, version) = read.ok_or(RefreshError::Ended { is_audited: false })?;
            if !session.lives(&user, now) {
                return Err(RefreshError::Ended { is_audited: false });
            }
            match session.family.present(&token, now)? {
                Presented::Unknown => return Err(RefreshError::Ended { is_audited: false }),
                Presented::Reused => {
                    if self.revoke_reused(&session, version, from).await? {
                        return Err(RefreshError::Ended { is_audited: true });
                    }
                }
                Presented::Again(live) => {
                    let tokens = self.tokens(&user, &session, &live, &self.signer().await?)?;
                    return Ok(Refreshed { user, session, tokens });
                }
                Presented::Rotate(rotation) => {
                    let signer = self.signer().await?;
                    if let Some((session, tokens)) =
                        self.rotate(rotation, &user, &session, version, &signer).await?
                    {
                        return Ok(Refreshed { user, session, tokens });
                    }
                }
            }
        }
        Err(RefreshError::Busy)
    }

    /// A session with its user, alive or not; none where it was ended with everybody's.
    pub(super) async fn read(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<(User, Session, Version)>, StoreError> {
        let mut keys = vec![User::key(user), Session::key(user, session)];
        // Once a minute, in the same round trip.
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
            let ended = Ended { before: policy.sessions_from(), read_at: now };
            self.memory.remember_ended(ended);
            ended
        };
        let session: Session = item.decode()?;
        Ok(if session.is_ended(ended.before) { None } else { Some((user.decode()?, session, item.version)) })
    }

    /// None when another refresh came first.
    async fn rotate(
        &self,
        rotation: Rotation<'_>,
        user: &User,
        session: &Session,
        version: Version,
        signer: &Signer,
    ) -> Result<Option<(Session, Tokens)>, RefreshError> {
        let now = self.clock.now();
        let (family, next) = rotation.mint(&*self.entropy, &self.sealer)?;
        let seen_at = if session.is_seen_long_ago(now) { now } else { session.seen_at };
        let session = Session { seen_at, family, ..session.clone() };
        let tokens = self.tokens(user, &session, &next, signer)?;
        let write = Write::replace(Session::key(session.user_id, session.id), &session, version)?
            .expiring(session.ends_at());
        match self.table.commit(&[write], now).await {
            Ok(()) => Ok(Some((session, tokens))),
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// False when the session changed meanwhile, so that the token must be judged anew.
    async fn revoke_reused(
        &self,
        session: &Session,
        version: Version,
        from: &Requester,
    ) -> Result<bool, RefreshError> {
        let mut event = self.audit.event(Action::TokenReused, Actor::System, from)?;
        event.user_id = Some(session.user_id);
        event.resource = Some(format!("session:{}", session.id));
        let key = Session::key(session.user_id, session.id);
        let writes = [Write::Delete { key, condition: Some(version) }, self.audit.write(&event)?];
        let ended = self.table.commit(&writes, self.clock.now()).await;
        // Without an answer it may have ended.
        self.forget(session.id);
        match ended {
            Ok(()) => {
                tracing::warn!(session = %session.id, "a used refresh token was presented again; its session was revoked");
                Ok(true)
            }
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

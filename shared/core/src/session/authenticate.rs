use std::sync::Arc;

use super::live::{EndOfSessions, MAX_AGE, VerifiedToken};
use super::{Live, Sessions};
use crate::fault::{Fault, carry_faults};
use crate::limit::RateLimitExceeded;
use crate::model::permission::{Policy, Versioned};
use crate::model::{Session, User};
use crate::permission::Roles;
use crate::port::StoreError;
use crate::port::table::Write;
use crate::token::{InvalidToken, Reason, VerifyError};
use crate::{SessionId, Timestamp, UserId};

/// Maximum age of the state behind a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// At most 60 s old: no store access if the session was read within that time.
    Recent,
    /// Current: one store access. Required for every change.
    Fresh,
}

/// Reason that a request has no signed-in user.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The access token is forged or expired.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// The session ended, or its user is deleted or disabled.
    #[error("the session has ended")]
    Ended,
    /// The session makes too many requests.
    #[error(transparent)]
    Limited(#[from] RateLimitExceeded),
    /// The check failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(AuthenticateError);

impl From<VerifyError> for AuthenticateError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Invalid(invalid) => invalid.into(),
            VerifyError::Keys(error) => error.into(),
        }
    }
}

impl Sessions {
    /// Returns the live session of an access token.
    ///
    /// A process verifies the signature of a token once. It reads a session once a minute: user, session and role definitions
    /// in one round trip. Within that minute the response needs no store. After it, a revoked session is refused, and if the
    /// store is down, the response is an error and never a success.
    pub async fn authenticate(
        &self,
        token: impl AsRef<[u8]>,
        freshness: Freshness,
    ) -> Result<Arc<Live>, AuthenticateError> {
        let now = self.clock.now();
        let verified = self.verified(token.as_ref(), now).await?;
        let known = self.memory.live(verified.claims.sid);
        match &known {
            Some(live) => live.meter.admit(&self.limits, now)?,
            None => self.memory.meter(verified.claims.sid).admit(&self.limits, now)?,
        }
        self.find(&verified, known, freshness, now).await
    }

    /// Returns the live session like [`authenticate`](Self::authenticate), but counts a request only if it reads the store. For
    /// a reverse proxy, which asks once for each file of a page.
    pub async fn recognize(&self, token: impl AsRef<[u8]>) -> Result<Arc<Live>, AuthenticateError> {
        let now = self.clock.now();
        let verified = self.verified(token.as_ref(), now).await?;
        let known = self.memory.live(verified.claims.sid).filter(|live| live.is_recent(now));
        if known.is_none() {
            self.memory.meter(verified.claims.sid).admit(&self.limits, now)?;
        }
        self.find(&verified, known, Freshness::Recent, now).await
    }

    /// Returns the verified token, which a process verifies once, unless it is expired.
    async fn verified(&self, token: &[u8], now: Timestamp) -> Result<Arc<VerifiedToken>, AuthenticateError> {
        match self.memory.verified(token) {
            Some(verified) if now >= verified.claims.expires_at() => {
                Err(InvalidToken::from(Reason::Expired).into())
            }
            Some(verified) => Ok(verified),
            None => Box::pin(self.verify(token, now)).await,
        }
    }

    /// Returns the live session of the token, from memory if that copy is recent enough.
    async fn find(
        &self,
        verified: &VerifiedToken,
        known: Option<Arc<Live>>,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Arc<Live>, AuthenticateError> {
        let live = match known {
            Some(live) if freshness == Freshness::Recent && live.is_recent(now) => live,
            // Boxed, like the call above: this future is large and rarely used, and otherwise every request would reserve its
            // memory.
            _ => Box::pin(self.load(verified.claims.sub, verified.claims.sid, freshness, now)).await?,
        };
        if !live.session.lives(&live.user, now) || live.user.id != verified.claims.sub {
            return Err(AuthenticateError::Ended);
        }
        Ok(live)
    }

    /// Verifies a token that is not in the memory of this process.
    async fn verify(&self, token: &[u8], now: Timestamp) -> Result<Arc<VerifiedToken>, AuthenticateError> {
        let token = std::str::from_utf8(token).map_err(|_| InvalidToken::from(Reason::Malformed))?;
        Ok(self.memory.remember_token(token, self.keys.verify(token, now).await?))
    }

    /// Returns the session that a valid access token names, live or not, without store access.
    pub async fn named_by(&self, token: &str) -> Option<(UserId, SessionId)> {
        let claims = self.keys.verify(token, self.clock.now()).await.ok()?;
        Some((claims.sub, claims.sid))
    }

    /// Returns the current state of the signed-in user, for a request that was admitted on recent state and now needs current
    /// state.
    pub async fn renew(&self, live: Arc<Live>) -> Result<Arc<Live>, AuthenticateError> {
        let now = self.clock.now();
        let fresh = Box::pin(self.load(live.user.id, live.session.id, Freshness::Fresh, now)).await?;
        if fresh.session.lives(&fresh.user, now) { Ok(fresh) } else { Err(AuthenticateError::Ended) }
    }

    /// Reads user, session and roles in one round trip.
    async fn load(
        &self,
        user: UserId,
        session: SessionId,
        freshness: Freshness,
        now: Timestamp,
    ) -> Result<Arc<Live>, AuthenticateError> {
        let cached = match freshness {
            Freshness::Recent => self.roles.cached(now).await,
            Freshness::Fresh => None,
        };
        let mut keys = vec![User::key(user), Session::key(user, session)];
        if cached.is_none() {
            keys.push(Roles::key());
        }
        let items = self.table.get(&keys, now).await?;
        let mut items = items.into_iter();
        let (Some(Some(user_item)), Some(Some(session_item))) = (items.next(), items.next()) else {
            self.memory.forget(session);
            return Err(AuthenticateError::Ended);
        };
        let cached = if let Some(cached) = cached {
            cached
        } else {
            let read = Versioned::<Policy>::read(items.next().flatten().as_ref())?;
            self.memory.remember_ended(EndOfSessions { before: read.value.sessions_from(), read_at: now });
            self.roles.remember(read.value, now).await
        };
        let session_record: Session = session_item.decode()?;
        if session_record.is_ended(cached.policy.sessions_from()) {
            self.memory.forget(session);
            return Err(AuthenticateError::Ended);
        }
        let user: User = user_item.decode()?;
        let live = Arc::new(Live {
            grants: cached.policy.compile(&user.roles),
            user,
            session: session_record,
            version: session_item.version,
            loaded_at: now,
            until: (now + MAX_AGE).min(cached.until),
            meter: self.memory.meter(session),
        });
        self.memory.remember(Arc::clone(&live));
        Ok(live)
    }

    /// Counts a request of the session. Refuses it if there are too many.
    pub fn count(&self, live: &Live) -> Result<(), AuthenticateError> {
        Ok(live.meter.admit(&self.limits, self.clock.now())?)
    }

    /// Updates `seen_at` of the session, at most once every [`SEEN_EVERY`](super::SEEN_EVERY).
    pub async fn touch(&self, live: &Live) -> Result<(), StoreError> {
        let now = self.clock.now();
        if !live.session.is_seen_long_ago(now) {
            return Ok(());
        }
        let seen = Session { seen_at: now, ..live.session.clone() };
        let write = Write::replace(Session::key(seen.user_id, seen.id), &seen, live.version)?
            .expiring(seen.ends_at());
        self.memory.forget(seen.id);
        match self.table.commit(&[write], now).await {
            // Another request, or a refresh, wrote the session and so updated it.
            Ok(()) | Err(crate::port::table::CommitError::Conflict { .. }) => Ok(()),
            Err(crate::port::table::CommitError::Store(error)) => Err(error),
        }
    }

    /// Removes a session from the memory of this process.
    pub(super) fn forget(&self, session: SessionId) {
        self.memory.forget(session);
    }
}

use super::holder::kept_changing;
use super::{Live, Sessions};
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::{Session, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::port::StoreError;
use crate::port::table::{CommitError, Cursor, Query, QueryError, Version, Write};
use crate::{SessionId, UserId};

/// Maximum number of sessions of a user. A further sign-in ends the oldest session.
///
/// Sessions are counted after one in eight sign-ins and at the first page of each listing. Between two counts there may be
/// more: fewer than 40 more with a probability of 199 in 200, and the next count ends them. Parallel sign-ins do not raise this
/// bound.
pub const MAX_SESSIONS: usize = 100;

/// Number of sessions that one query of a count reads.
const COUNTED: u32 = 200;

/// Maximum number of surplus sessions that one commit ends, each with its audit event.
const TRIMMED: usize = 25;

/// Maximum number of sessions of a deleted user that one commit removes.
const PURGED: u32 = 50;

/// Reason that a session was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The user has no such session.
    #[error("no such session")]
    NotFound,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(RevokeError);

/// Page of a user's sessions.
#[derive(Debug)]
pub struct SessionPage {
    /// Sessions, newest first.
    pub sessions: Vec<Session>,
    /// Last session of this page, if more follow.
    pub next: Option<SessionId>,
}

impl Sessions {
    /// Returns the live sessions of `user`, newest first. Ends those beyond the maximum.
    pub async fn list(&self, user: &User) -> Result<Vec<Session>, StoreError> {
        let mut sessions = self.live_of(user).await?;
        if sessions.len() > MAX_SESSIONS {
            let surplus = sessions.split_off(MAX_SESSIONS);
            self.end_surplus(&surplus).await?;
        }
        Ok(sessions.into_iter().map(|(session, _)| session).collect())
    }

    /// Returns a page of the live sessions of `user`, newest first; only those that started before `before`, if given.
    pub async fn page(
        &self,
        user: &User,
        limit: usize,
        before: Option<SessionId>,
    ) -> Result<SessionPage, StoreError> {
        let mut sessions = self.list(user).await?;
        // Identifiers sort by creation time.
        sessions.retain(|session| before.is_none_or(|before| session.id < before));
        let is_last = sessions.len() <= limit;
        sessions.truncate(limit);
        let next = sessions.last().map(|session| session.id).filter(|_| !is_last);
        Ok(SessionPage { sessions, next })
    }

    /// Ends the sessions of `user` beyond the maximum.
    pub(super) async fn trim(&self, user: &User) -> Result<(), StoreError> {
        self.list(user).await.map(drop)
    }

    async fn live_of(&self, user: &User) -> Result<Vec<(Session, Version)>, StoreError> {
        let (mut sessions, mut after) = (Vec::new(), None);
        let ended =
            self.roles.cached(self.clock.now()).await.and_then(|cached| cached.policy.sessions_from());
        loop {
            let now = self.clock.now();
            let query = Query {
                descending: true,
                after,
                ..Query::prefix(User::partition(user.id), Session::PREFIX, COUNTED)
            };
            let page = self.table.query(&query, now).await.map_err(no_cursor)?;
            for item in &page.items {
                let session: Session = item.decode()?;
                if session.lives(user, now) && !session.is_ended(ended) {
                    sessions.push((session, item.version));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(sessions);
            }
        }
    }

    async fn end_surplus(&self, surplus: &[(Session, Version)]) -> Result<(), StoreError> {
        for sessions in surplus.chunks(TRIMMED) {
            let mut writes = Vec::new();
            for (session, version) in sessions {
                let event = self.audit.event(Action::SessionRevoked, Actor::System, &Requester::default());
                let mut event = event.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                event.user_id = Some(session.user_id);
                event.resource = Some(format!("session:{}", session.id));
                event.details.insert("reason".to_owned(), "too_many_sessions".to_owned());
                let key = Session::key(session.user_id, session.id);
                writes.push(Write::Delete { key, condition: Some(*version) });
                writes.push(self.audit.write(&event)?);
            }
            let ended = self.table.commit(&writes, self.clock.now()).await;
            for (session, _) in sessions {
                self.forget(session.id);
            }
            match ended {
                // Another count was faster, or one of the sessions was used. The next count ends the rest.
                Ok(()) | Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends one session of the caller, with one audit event even if several requests end it at once.
    pub async fn revoke(&self, caller: &Live, id: SessionId, from: &Requester) -> Result<(), RevokeError> {
        let key = Session::key(caller.user.id, id);
        let mut event = self.audit.event(Action::SessionRevoked, Actor::User(caller.user.id), from)?;
        event.resource = Some(format!("session:{id}"));
        let (key, event, busy) = (&key, &event, || RevokeError::from(kept_changing(id)));
        retry(MAX_TRIES, busy, || async {
            let now = self.clock.now();
            let item = self.table.get(std::slice::from_ref(key), now).await?.pop().flatten();
            let item = item.ok_or(RevokeError::NotFound)?;
            if !item.decode::<Session>()?.lives(&caller.user, now) {
                return Err(RevokeError::NotFound);
            }
            let delete = Write::Delete { key: key.clone(), condition: Some(item.version) };
            let ended = self.table.commit(&[delete, self.audit.write(event)?], now).await;
            // Without a response the session may have ended, so its copy in memory must not be used either.
            self.forget(id);
            // A conflict: a refresh was faster, or another request ended the session.
            Ok(Commit::of(ended, ())?)
        })
        .await
    }

    /// Removes the sessions of a deleted user. They have already ended because the user no longer exists; this removes their
    /// addresses and devices.
    pub(crate) async fn purge(&self, user: UserId) -> Result<(), StoreError> {
        let mut after: Option<Cursor> = None;
        loop {
            let now = self.clock.now();
            let query = Query { after, ..Query::prefix(User::partition(user), Session::PREFIX, PURGED) };
            let page = self.table.query(&query, now).await.map_err(no_cursor)?;
            let writes: Vec<Write> =
                page.items.into_iter().map(|item| Write::Delete { key: item.key, condition: None }).collect();
            if !writes.is_empty() {
                match self.table.commit(&writes, now).await {
                    Ok(()) | Err(CommitError::Conflict { .. }) => {}
                    Err(CommitError::Store(error)) => return Err(error),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

fn no_cursor(error: QueryError) -> StoreError {
    match error {
        QueryError::Store(error) => error,
        QueryError::InvalidCursor => StoreError::Refused("the store refused its own cursor".to_owned()),
    }
}

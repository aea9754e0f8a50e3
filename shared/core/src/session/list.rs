use super::{Live, Session, Sessions};
use crate::SessionId;
use crate::UserId;
use crate::account::User;
use crate::audit::{Action, Actor, Requester};
use crate::port::EntropyError;
use crate::port::StoreError;
use crate::port::table::{CommitError, Cursor, Query, QueryError, Write};

/// How many sessions one listing reads at the most.
const MAX_LISTED: u32 = 200;

/// How many sessions of a deleted user are removed in one commit.
const SWEPT: u32 = 50;

/// How often a revocation is tried again when the session was changed meanwhile.
const MAX_TRIES: usize = 8;

/// Why a session was not revoked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RevokeError {
    /// The user has no such session.
    #[error("no such session")]
    NotFound,
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no identifier for the audit event.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl Sessions {
    /// The live sessions of `user`, newest first, at most 200.
    pub async fn list(&self, user: &User) -> Result<Vec<Session>, StoreError> {
        let now = self.clock.now();
        let query = Query {
            descending: true,
            ..Query::prefix(User::partition(user.id), Session::PREFIX, MAX_LISTED)
        };
        let page = self.table.query(&query, now).await.map_err(no_cursor)?;
        let sessions: Vec<Session> =
            page.items.iter().map(super::super::port::table::Item::decode).collect::<Result<_, _>>()?;
        Ok(sessions.into_iter().filter(|session| session.lives(user, now)).collect())
    }

    /// Ends one session of the caller, with one audit event however many end it at once.
    pub async fn revoke(&self, caller: &Live, id: SessionId, from: &Requester) -> Result<(), RevokeError> {
        let key = Session::key(caller.user.id, id);
        let mut event = self.audit.event(Action::SessionRevoked, Actor::User(caller.user.id), from)?;
        event.resource = Some(format!("session:{id}"));
        for _ in 0..MAX_TRIES {
            let now = self.clock.now();
            let item = self.table.get(std::slice::from_ref(&key), now).await?.pop().flatten();
            let item = item.ok_or(RevokeError::NotFound)?;
            if !item.decode::<Session>()?.lives(&caller.user, now) {
                return Err(RevokeError::NotFound);
            }
            let delete = Write::Delete { key: key.clone(), condition: Some(item.version) };
            let ended = self.table.commit(&[delete, self.audit.write(&event)?], now).await;
            // Without an answer it may have ended: then what is remembered of it must not be used either.
            self.forget(id);
            match ended {
                Ok(()) => return Ok(()),
                // A refresh came first, or another one who ended it.
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::Unavailable(format!("the session {id} kept being changed by others")).into())
    }

    /// Removes what is left of a deleted user's sessions. They are dead already, since their user is gone: this is for their
    /// addresses and devices.
    pub(crate) async fn sweep(&self, user: UserId) -> Result<(), StoreError> {
        let mut after: Option<Cursor> = None;
        loop {
            let now = self.clock.now();
            let query = Query { after, ..Query::prefix(User::partition(user), Session::PREFIX, SWEPT) };
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
        QueryError::InvalidCursor => StoreError::Refused("the store did not take its own cursor".to_owned()),
    }
}

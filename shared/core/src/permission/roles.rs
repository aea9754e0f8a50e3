//! The policy in the stores.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Author;
use super::authority::judge;
use crate::Timestamp;
use crate::audit::AuditLog;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::Action;
use crate::model::permission::{Policy, PolicyError, Role, RoleName, Versioned};
use crate::optimistic::{Commit, retry};
use crate::port::table::{CommitError, Condition, Key, Write};
use crate::port::{Cache, Clock, StoreError, Table};

/// How long a cached policy is used.
pub const CACHE_LIFETIME: Duration = Duration::from_mins(1);

const CACHE_KEY: &str = "policy";
/// How often a change is tried.
const TRIES: usize = 9;

/// Why roles were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The change breaks a rule.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The role, as it is or as it is to be, grants what its author may not give: otherwise whoever manages roles could give
    /// themselves everything, or take from those above them.
    #[error("this role holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// The author would lose what it takes to undo the change.
    #[error(
        "after this change you could not undo it, as you would lose permissions yourself: keep them in the role, \
         hold them by another role first, or ask the operator"
    )]
    SelfLockout,
    /// Others changed the roles each time first; nothing was written.
    #[error("the roles are being changed by others at this moment: try again")]
    Contended,
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(ChangeError);

/// What [`Roles::put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// There was no such role.
    Created,
    /// The role was another before.
    Replaced,
    /// The role was the same before: nothing was written.
    Unchanged,
}

/// A policy that may be up to [`CACHE_LIFETIME`] old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedPolicy {
    /// The policy.
    pub policy: Policy,
    /// When it must not be used any more; so neither must what is compiled from it and kept.
    pub until: Timestamp,
}

/// Reads and changes the policy. Cheap to clone.
#[derive(Clone)]
pub struct Roles {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    cache: Arc<dyn Cache>,
    audit: AuditLog,
}

impl Roles {
    /// Over these stores.
    pub fn new(table: Arc<dyn Table>, clock: Arc<dyn Clock>, cache: Arc<dyn Cache>, audit: AuditLog) -> Self {
        Self { table, clock, cache, audit }
    }

    /// Where the policy is stored, to read it together with other items; [`Versioned::read`] takes the item.
    pub fn key() -> Key {
        Policy::key()
    }

    /// The policy as it is now, in one round trip. Empty when none was ever written.
    pub async fn load_fresh(&self) -> Result<Versioned<Policy>, StoreError> {
        let items = self.table.get(&[Self::key()], self.clock.now()).await?;
        Versioned::read(items.first().and_then(Option::as_ref))
    }

    /// The cached policy. `None` when there is none to be had, whatever the cause: then the caller reads the table, and
    /// [remembers](Self::remember) what it finds.
    pub async fn cached(&self, now: Timestamp) -> Option<CachedPolicy> {
        let text = self.cache.get(CACHE_KEY, now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the cached roles could not be read");
            None
        })?;
        // What another version of the service wrote may be unreadable here: no more than a miss.
        let cached: CachedPolicy = serde_json::from_slice(text.as_bytes())
            .inspect_err(|error| tracing::warn!(%error, "the cached roles are unreadable"))
            .ok()?;
        // Whatever the entry says: its lifetime from now is the longest that it can still be good for.
        Some(CachedPolicy { until: cached.until.min(now + CACHE_LIFETIME), ..cached })
    }

    /// Caches a policy that was read from the table; `now` is a moment before that read.
    pub async fn remember(&self, policy: Policy, now: Timestamp) -> CachedPolicy {
        let cached = CachedPolicy { policy, until: now + CACHE_LIFETIME };
        let stored = match serde_json::to_string(&cached) {
            Ok(text) => self.cache.put(CACHE_KEY, &text, CACHE_LIFETIME, now).await,
            Err(error) => Err(StoreError::Refused(error.to_string())),
        };
        if let Err(error) = stored {
            tracing::warn!(%error, "the roles could not be cached");
        }
        cached
    }

    /// Makes or replaces the role `name`, within what `author` may give.
    pub async fn put(
        &self,
        name: &RoleName,
        role: &Role,
        author: Author<'_>,
    ) -> Result<RoleChange, ChangeError> {
        self.change(author, Some(name), |policy| {
            let saved = match policy.roles().get(name) {
                None => RoleChange::Created,
                Some(before) if before == role => RoleChange::Unchanged,
                Some(_) => RoleChange::Replaced,
            };
            Ok((policy.with_role(name.clone(), role.clone())?, saved))
        })
        .await
    }

    /// Removes the role `name`, within what `author` may give; see [`Policy::without_role`].
    pub async fn remove(&self, name: &RoleName, author: Author<'_>) -> Result<(), ChangeError> {
        self.change(author, Some(name), |policy| Ok((policy.without_role(name)?, ()))).await
    }

    /// Adds those of the initial roles that are missing, on the operator's word, and gives their names.
    pub async fn init(&self) -> Result<BTreeSet<RoleName>, ChangeError> {
        self.change(Author::Operator, None, Policy::with_initial_roles).await
    }

    /// Restores the initial roles, on the operator's word, and gives the names of those that were missing or different.
    pub async fn repair(&self) -> Result<BTreeSet<RoleName>, ChangeError> {
        self.change(Author::Operator, None, |policy| {
            let repaired = policy.repaired()?;
            let changed = differing(policy, &repaired).into_iter().cloned().collect();
            Ok((repaired, changed))
        })
        .await
    }

    /// Ends every session that began before `from`, on the operator's word and in one write: each check and each refresh hears of it
    /// within a minute. A clock that is behind revives none that ended before.
    pub async fn end_sessions(&self, from: Timestamp) -> Result<(), ChangeError> {
        let edit = |policy: &Policy| {
            Ok((Policy { sessions_from: policy.sessions_from.max(Some(from)), ..policy.clone() }, ()))
        };
        self.change(Author::Operator, None, edit).await
    }

    /// Applies `edit` to the policy by compare-and-set, with an audit event for each role that it changes. An edit that changes
    /// nothing writes nothing. What an administrator may do to the role `judged` is decided on the very policy that the commit
    /// replaces and on the roles that the author holds then, so that no change in between escapes it.
    async fn change<T>(
        &self,
        author: Author<'_>,
        judged: Option<&RoleName>,
        edit: impl Fn(&Policy) -> Result<(Policy, T), PolicyError>,
    ) -> Result<T, ChangeError> {
        let edit = &edit;
        retry(TRIES, || ChangeError::Contended, || self.try_change(author, judged, edit)).await
    }

    async fn try_change<T>(
        &self,
        author: Author<'_>,
        judged: Option<&RoleName>,
        edit: impl Fn(&Policy) -> Result<(Policy, T), PolicyError>,
    ) -> Result<Commit<T>, ChangeError> {
        let mut keys = vec![Self::key()];
        if let Author::Administrator { holder, .. } = author {
            keys.push((holder.key)(holder.id));
        }
        let mut items = self.table.get(&keys, self.clock.now()).await?.into_iter();
        let read = Versioned::<Policy>::read(items.next().flatten().as_ref())?;
        let edited = edit(&read.value);
        let mut guards = Vec::new();
        if let (Author::Administrator { holder, .. }, Some(name)) = (author, judged) {
            let item = items.next().flatten().ok_or(ChangeError::BeyondAuthority)?;
            let after = edited.as_ref().map_or(&read.value, |(policy, _)| policy);
            judge(&(holder.roles)(&item)?, name, &read.value, after)?;
            guards.push(Write::Check { key: item.key, condition: Condition::Unchanged(item.version) });
        }
        let (policy, outcome) = edited?;
        if policy == read.value {
            return Ok(Commit::Done(outcome));
        }
        let mut writes = vec![read.replace_with(Self::key(), &policy)?];
        writes.extend(guards);
        writes.extend(self.events(author, &read.value, &policy)?);
        let committed = self.table.commit(&writes, self.clock.now()).await;
        // In a conflict another change of the roles, or of the author, came first. Without a response this one may have happened.
        if !matches!(committed, Err(CommitError::Conflict { .. })) {
            self.forget().await;
        }
        Ok(Commit::of(committed, outcome)?)
    }

    /// One event for each role that differs, with the role before and after, and one where all sessions were ended.
    fn events(&self, author: Author<'_>, before: &Policy, after: &Policy) -> Result<Vec<Write>, ChangeError> {
        let (actor, from) = author.actor();
        let event = |name: &RoleName| {
            let (was, is) = (before.roles().get(name), after.roles().get(name));
            let action = if is.is_some() { Action::RolePut } else { Action::RoleDeleted };
            let mut event = self.audit.event(action, actor, &from)?.changing(was, is);
            event.resource = Some(format!("role:{name}"));
            Ok(self.audit.write(&event)?)
        };
        let mut writes: Vec<Write> =
            differing(before, after).into_iter().map(event).collect::<Result<_, ChangeError>>()?;
        if before.sessions_from() != after.sessions_from() {
            writes.push(self.audit.write(&self.audit.event(Action::SessionsEnded, actor, &from)?)?);
        }
        Ok(writes)
    }

    async fn forget(&self) {
        if let Err(error) = self.cache.delete(CACHE_KEY).await {
            tracing::warn!(%error, "the cached roles could not be dropped: the change shows within a minute");
        }
    }
}

/// The names of the roles that differ.
fn differing<'a>(before: &'a Policy, after: &'a Policy) -> BTreeSet<&'a RoleName> {
    let names = before.roles().keys().chain(after.roles().keys());
    names.filter(|name| before.roles().get(*name) != after.roles().get(*name)).collect()
}

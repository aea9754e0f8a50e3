//! Policy in the stores.

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

/// Lifetime of a cached policy.
pub const CACHE_LIFETIME: Duration = Duration::from_mins(1);

const CACHE_KEY: &str = "policy";
/// Maximum number of tries of a change.
const TRIES: usize = 9;

/// Reason that roles were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The change breaks a rule.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The role, before or after the change, grants a permission that its author may not grant. Otherwise anybody who manages
    /// roles could grant themselves everything, or reduce the rights of users above them.
    #[error("this role holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// The author would lose the permissions that are needed to undo the change.
    #[error(
        "after this change you could not undo it, as you would lose permissions yourself: keep them in the role, \
         hold them by another role first, or ask the operator"
    )]
    SelfLockout,
    /// Other changes of the roles were faster at each try. Nothing was written.
    #[error("the roles are being changed by others at this moment: try again")]
    Contended,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(ChangeError);

/// Result of [`Roles::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// The role did not exist.
    Created,
    /// The role was different.
    Replaced,
    /// The role was the same, so nothing was written.
    Unchanged,
}

/// Policy that may be up to [`CACHE_LIFETIME`] old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedPolicy {
    /// The policy.
    pub policy: Policy,
    /// Time from which it must not be used. The same applies to compiled copies of it.
    pub until: Timestamp,
}

/// Service that reads and changes the policy. Cheap to clone.
#[derive(Clone)]
pub struct Roles {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    cache: Arc<dyn Cache>,
    audit: AuditLog,
}

impl Roles {
    /// Returns the service over these stores.
    pub fn new(table: Arc<dyn Table>, clock: Arc<dyn Clock>, cache: Arc<dyn Cache>, audit: AuditLog) -> Self {
        Self { table, clock, cache, audit }
    }

    /// Returns the key of the policy, to read it together with other items. [`Versioned::read`] decodes the item.
    pub fn key() -> Key {
        Policy::key()
    }

    /// Returns the current policy, in one round trip. It is empty if none was ever written.
    pub async fn load_fresh(&self) -> Result<Versioned<Policy>, StoreError> {
        let items = self.table.get(&[Self::key()], self.clock.now()).await?;
        Versioned::read(items.first().and_then(Option::as_ref))
    }

    /// Returns the cached policy. If there is none, for any reason, the caller reads the table and [caches](Self::remember) the
    /// result.
    pub async fn cached(&self, now: Timestamp) -> Option<CachedPolicy> {
        let text = self.cache.get(CACHE_KEY, now).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the cached roles could not be read");
            None
        })?;
        // Another version of the service may have written an entry that this one cannot read; this counts as a miss.
        let cached: CachedPolicy = serde_json::from_slice(text.as_bytes())
            .inspect_err(|error| tracing::warn!(%error, "the cached roles are unreadable"))
            .ok()?;
        // Limit the lifetime whatever the entry says: no valid entry lives longer than this from now.
        Some(CachedPolicy { until: cached.until.min(now + CACHE_LIFETIME), ..cached })
    }

    /// Caches a policy that was read from the table. `now` is a time before that read.
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

    /// Creates or replaces the role `name`, within the authority of `author`.
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

    /// Removes the role `name`, within the authority of `author`; see [`Policy::without_role`].
    pub async fn remove(&self, name: &RoleName, author: Author<'_>) -> Result<(), ChangeError> {
        self.change(author, Some(name), |policy| Ok((policy.without_role(name)?, ()))).await
    }

    /// Adds the missing initial roles, as the operator, and returns their names.
    pub async fn init(&self) -> Result<BTreeSet<RoleName>, ChangeError> {
        self.change(Author::Operator, None, Policy::with_initial_roles).await
    }

    /// Restores the initial roles, as the operator, and returns the names of those that were missing or different.
    pub async fn repair(&self) -> Result<BTreeSet<RoleName>, ChangeError> {
        self.change(Author::Operator, None, |policy| {
            let repaired = policy.repaired()?;
            let changed = differing(policy, &repaired).into_iter().cloned().collect();
            Ok((repaired, changed))
        })
        .await
    }

    /// Ends all sessions that started before `from`, as the operator and in one write. Every check and every refresh sees it
    /// within a minute. A clock that is behind does not revive sessions that ended before.
    pub async fn end_sessions(&self, from: Timestamp) -> Result<(), ChangeError> {
        let edit = |policy: &Policy| {
            Ok((Policy { sessions_from: policy.sessions_from.max(Some(from)), ..policy.clone() }, ()))
        };
        self.change(Author::Operator, None, edit).await
    }

    /// Applies `edit` to the policy by compare-and-set, with an audit event for each changed role. An edit without a change
    /// writes nothing. The authority of an administrator over the role `judged` is checked against the same policy that the
    /// commit replaces and the roles that the author has then, so no change in between escapes the check.
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
        // In a conflict another change of the roles, or of the author, was faster. Without a response this change may have
        // happened.
        if !matches!(committed, Err(CommitError::Conflict { .. })) {
            self.forget().await;
        }
        Ok(Commit::of(committed, outcome)?)
    }

    /// Returns one event for each role that differs, with the role before and after, and one if all sessions were ended.
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

/// Returns the names of the roles that differ.
fn differing<'a>(before: &'a Policy, after: &'a Policy) -> BTreeSet<&'a RoleName> {
    let names = before.roles().keys().chain(after.roles().keys());
    names.filter(|name| before.roles().get(*name) != after.roles().get(*name)).collect()
}

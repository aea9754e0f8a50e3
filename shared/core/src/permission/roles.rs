//! The policy in the stores.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Grants, Policy, PolicyError, Role, RoleName, Versioned};
use crate::Timestamp;
use crate::port::table::{CommitError, Key, Write};
use crate::port::{Cache, Clock, StoreError, Table};

/// How long a cached policy is used.
pub const CACHE_LIFETIME: Duration = Duration::from_mins(1);

const CACHE_KEY: &str = "policy";
/// How often a change is tried again when another one was quicker.
const RETRIES: usize = 8;

/// Why roles were not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangeError {
    /// The change breaks a rule.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The role, as it is or as it is to be, grants what its changer may not do: otherwise whoever manages roles could give
    /// themselves everything, or take from those above them.
    #[error("this role holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// Others changed the roles each time first; nothing was written.
    #[error("the roles are being changed by others at this moment: try again")]
    Contended,
    /// A condition of a write that came with the change did not hold; nothing was written.
    #[error("the change conflicts at the write {write} that came with it")]
    Conflict {
        /// Its place in `extra`, from 0.
        write: usize,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What [`Roles::put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
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
}

impl Roles {
    /// Over these stores.
    pub fn new(table: Arc<dyn Table>, clock: Arc<dyn Clock>, cache: Arc<dyn Cache>) -> Self {
        Self { table, clock, cache }
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

    /// Makes or replaces the role `name`, within what `authority` allows; an operator needs none. `extra`, such as the audit
    /// event, is written in the same commit.
    pub async fn put(
        &self,
        name: &RoleName,
        role: &Role,
        authority: Option<&Grants>,
        extra: &[Write],
    ) -> Result<Saved, ChangeError> {
        self.change(extra, |policy| {
            let saved = match policy.roles().get(name) {
                None => Saved::Created,
                Some(before) if before == role => Saved::Unchanged,
                Some(_) => Saved::Replaced,
            };
            let after = policy.with_role(name.clone(), role.clone())?;
            check_authority(authority, name, &[policy, &after])?;
            Ok((after, saved))
        })
        .await
    }

    /// Removes the role `name`, within what `authority` allows; see [`Policy::without_role`]. `extra` is written in the same
    /// commit.
    pub async fn remove(
        &self,
        name: &RoleName,
        authority: Option<&Grants>,
        extra: &[Write],
    ) -> Result<(), ChangeError> {
        self.change(extra, |policy| {
            check_authority(authority, name, &[policy])?;
            Ok((policy.without_role(name)?, ()))
        })
        .await
    }

    /// Adds those of the initial roles that are missing and gives their names. `extra` is written in the same commit, and
    /// not at all when none is missing.
    pub async fn init(&self, extra: &[Write]) -> Result<BTreeSet<RoleName>, ChangeError> {
        self.change(extra, |policy| Ok(policy.with_initial_roles()?)).await
    }

    /// Applies `edit` to the policy by compare-and-set. An edit that changes nothing writes nothing.
    async fn change<T>(
        &self,
        extra: &[Write],
        edit: impl Fn(&Policy) -> Result<(Policy, T), ChangeError>,
    ) -> Result<T, ChangeError> {
        for _ in 0..=RETRIES {
            let read = self.load_fresh().await?;
            let (policy, outcome) = edit(&read.value)?;
            if policy == read.value {
                return Ok(outcome);
            }
            let mut writes = vec![read.replace_with(Self::key(), &policy)?];
            writes.extend_from_slice(extra);
            match self.table.commit(&writes, self.clock.now()).await {
                Ok(()) => {
                    self.forget().await;
                    return Ok(outcome);
                }
                Err(CommitError::Conflict { write: 0 }) => {}
                Err(CommitError::Conflict { write }) => {
                    return Err(ChangeError::Conflict { write: write - 1 });
                }
                Err(CommitError::Store(error)) => {
                    // Without an answer the change may have happened.
                    self.forget().await;
                    return Err(error.into());
                }
            }
        }
        Err(ChangeError::Contended)
    }

    async fn forget(&self) {
        if let Err(error) = self.cache.delete(CACHE_KEY).await {
            tracing::warn!(%error, "the cached roles could not be dropped: the change shows within a minute");
        }
    }
}

/// Judged on the very policy that the commit replaces, so that no change in between escapes it.
fn check_authority(
    authority: Option<&Grants>,
    name: &RoleName,
    policies: &[&Policy],
) -> Result<(), ChangeError> {
    let Some(grants) = authority else { return Ok(()) };
    let held = BTreeSet::from([name.clone()]);
    if policies.iter().all(|policy| grants.covers(&policy.compile(&held))) {
        Ok(())
    } else {
        Err(ChangeError::BeyondAuthority)
    }
}

//! Last step of a rotation of `LATCHKEY_SECRET`: seals all stored data with the current secret, so that the older ones can be
//! removed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::account::{AccountSeals, Reseal, SealedCount};
use crate::audit::AuditLog;
use crate::fault::Fault;
use crate::model::audit::{Action, Actor, Requester};
use crate::port::table::{CommitError, Condition, Key, Write};
use crate::port::{Clock, StoreError, Table};
use crate::seal::Sealer;
use crate::token::Keys;
use crate::{Timestamp, UserId};

/// Number of accounts that are listed at a time, if the call has no time limit.
pub const PAGE: u32 = 500;

/// Time that a schedule waits after a run that found every value sealed with the current secret.
const WALK_EVERY: Duration = Duration::from_hours(24);

/// Service that reseals stored values with the current secret.
#[derive(Clone)]
pub struct Secrets {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    sealer: Arc<Sealer>,
    keys: Arc<Keys>,
    accounts: Arc<AccountSeals>,
    audit: AuditLog,
}

/// Progress of a reseal. Stored after each page of accounts, so that the reseal continues after an interruption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Name of the current secret, which reveals nothing about it.
    secret: String,
    /// Account after which to continue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<UserId>,
    /// Values counted so far.
    pub count: SealedCount,
    /// Time at which the last account was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

impl Progress {
    /// Returns true if every account was reached.
    pub fn is_complete(&self) -> bool {
        self.completed_at.is_some()
    }

    /// Returns true if the run found every value sealed with the current secret. A run that resealed some values is not enough:
    /// processes that still wrote with an older secret may have written behind it.
    pub fn is_clean(&self) -> bool {
        self.is_complete() && self.count.older == 0 && self.count.unreadable == 0
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SealedCount { current, older, unreadable } = self.count;
        let first = "the first secret of LATCHKEY_SECRET";
        write!(f, "Resealed {older} values with {first}; {current} were sealed with it already.")?;
        if unreadable > 0 {
            write!(
                f,
                " {unreadable} cannot be opened: the log names their accounts. Add the secret that they were sealed with to the list; \
                 their passwords and provider refresh tokens cannot be used until then."
            )?;
        }
        match (self.is_complete(), self.is_clean(), unreadable) {
            (false, ..) => f.write_str(" More accounts are left: the next run continues from here."),
            (true, true, _) => f.write_str(" No stored data needs another secret."),
            (true, false, 0) => f.write_str(" Run it again to check that none are left."),
            (true, false, _) => Ok(()),
        }
    }
}

impl Secrets {
    /// Returns the service over these ports and services.
    pub(crate) fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        sealer: Arc<Sealer>,
        keys: Arc<Keys>,
        accounts: Arc<AccountSeals>,
        audit: AuditLog,
    ) -> Self {
        Self { table, clock, sealer, keys, accounts, audit }
    }

    /// Returns true during a rotation: `LATCHKEY_SECRET` lists older secrets.
    pub fn is_rotating(&self) -> bool {
        self.sealer.has_older()
    }

    /// Reseals the signing keys, then the accounts page by page while `more`, called before each page, returns true. Continues
    /// where an earlier call stopped; after a complete run it starts again. Every value stays readable, even after an
    /// interruption.
    pub async fn reseal(&self, by: Actor, more: impl FnMut() -> bool) -> Result<Progress, Fault> {
        let before = self.progress().await?.filter(|progress| !progress.is_complete());
        self.resume(before, by, PAGE, more).await
    }

    /// Reseals by a schedule, `page` accounts at a time, during a rotation. A run that resealed values is followed by another
    /// run, and a run that found no more by a pause of a day. Returns `None` if there is nothing to do now.
    pub async fn reseal_by_schedule(
        &self,
        page: u32,
        more: impl FnMut() -> bool,
    ) -> Result<Option<Progress>, Fault> {
        if !self.is_rotating() {
            return Ok(None);
        }
        let before = self.progress().await?;
        let before = match before {
            Some(progress) if progress.is_complete() => {
                let moved = progress.count.older > 0 && progress.count.unreadable == 0;
                let now = self.clock.now();
                let is_recent = progress.completed_at.is_some_and(|at| now.since(at) < WALK_EVERY);
                if is_recent && !moved {
                    return Ok(None);
                }
                None
            }
            before => before,
        };
        Ok(Some(self.resume(before, Actor::System, page, more).await?))
    }

    /// Counts the sealed values of all accounts, and reseals none.
    pub async fn count(&self) -> Result<SealedCount, Fault> {
        let mut count = SealedCount::default();
        let mut after = None;
        loop {
            let (page, next) = self.accounts.reseal_page(after, PAGE, Reseal::Count).await?;
            count.add(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    async fn resume(
        &self,
        before: Option<Progress>,
        by: Actor,
        page: u32,
        mut more: impl FnMut() -> bool,
    ) -> Result<Progress, Fault> {
        self.keys.reseal().await?;
        let start = || Progress {
            secret: self.secret(),
            after: None,
            count: SealedCount::default(),
            completed_at: None,
        };
        let mut progress = before.unwrap_or_else(start);
        while more() {
            let (count, next) = self.accounts.reseal_page(progress.after, page, Reseal::Move).await?;
            progress.count.add(count);
            progress.after = next;
            if next.is_none() {
                progress.completed_at = Some(self.clock.now());
                self.save(&progress).await?;
                self.record(&progress, by).await?;
                break;
            }
            self.save(&progress).await?;
        }
        Ok(progress)
    }

    fn key() -> Key {
        Key::new("keys", "reseal")
    }

    fn secret(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.sealer.secret_name())
    }

    /// Returns the progress of the reseal with the current secret; `None` if it has not started.
    async fn progress(&self) -> Result<Option<Progress>, StoreError> {
        let item = self.table.get(&[Self::key()], self.clock.now()).await?.pop().flatten();
        let progress = item.map(|item| item.decode::<Progress>()).transpose()?;
        Ok(progress.filter(|progress| progress.secret == self.secret()))
    }

    /// Stores the progress. Two parallel reseals do no harm: the progress of the later one stays.
    async fn save(&self, progress: &Progress) -> Result<(), StoreError> {
        let now = self.clock.now();
        let item = self.table.get(&[Self::key()], now).await?.pop().flatten();
        let condition = item.map_or(Condition::Absent, |item| Condition::Unchanged(item.version));
        match self.table.commit(&[Write::put(Self::key(), progress, condition)?], now).await {
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn record(&self, progress: &Progress, by: Actor) -> Result<(), Fault> {
        let mut event = self.audit.event(Action::SecretsResealed, by, &Requester::default())?;
        let SealedCount { current, older, unreadable } = progress.count;
        for (name, number) in [("resealed", older), ("current", current), ("unreadable", unreadable)] {
            event.details.insert(name.to_owned(), number.to_string());
        }
        Ok(self.audit.append(&event).await?)
    }
}

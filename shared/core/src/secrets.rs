//! The last step of a rotation of `LATCHKEY_SECRET`: everything that is stored sealed moves under the current secret, so that the
//! older ones can go.

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

/// How many accounts are listed at a time, where a call may take its time.
pub const PAGE: u32 = 500;

/// How long a schedule leaves a walk alone that found every value under the current secret.
const WALK_EVERY: Duration = Duration::from_hours(24);

/// Moves stored values from one secret to the next.
#[derive(Clone)]
pub struct Secrets {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    sealer: Arc<Sealer>,
    keys: Arc<Keys>,
    accounts: Arc<AccountSeals>,
    audit: AuditLog,
}

/// How far a reseal has come. Stored after each page of accounts, so that it goes on where it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Name of the secret that everything moves under; tells nothing about it.
    secret: String,
    /// The account behind which to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<UserId>,
    /// What was found so far.
    pub count: SealedCount,
    /// The moment when the last account had been reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

impl Progress {
    /// Whether every account was reached.
    pub fn is_complete(&self) -> bool {
        self.completed_at.is_some()
    }

    /// Whether the walk found every value under the current secret. One that moved some is not enough: whoever still wrote under an
    /// older secret meanwhile may have done so behind it.
    pub fn is_clean(&self) -> bool {
        self.is_complete() && self.count.older == 0 && self.count.unreadable == 0
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let SealedCount { current, older, unreadable } = self.count;
        let first = "the first secret of LATCHKEY_SECRET";
        write!(f, "Sealed {older} values under {first}; {current} were under it already.")?;
        if unreadable > 0 {
            write!(
                f,
                " {unreadable} do not open: the log names their accounts. Add the secret that they were sealed under to the list; \
                 their passwords and tokens of providers cannot be used until then."
            )?;
        }
        match (self.is_complete(), self.is_clean(), unreadable) {
            (false, ..) => {
                f.write_str(" More accounts are left: the next run goes on where this one stopped.")
            }
            (true, true, _) => f.write_str(" Nothing that is stored needs another secret."),
            (true, false, 0) => f.write_str(" The next run says whether any is left."),
            (true, false, _) => Ok(()),
        }
    }
}

impl Secrets {
    /// A service over these.
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

    /// Whether a rotation is under way: `LATCHKEY_SECRET` lists older secrets.
    pub fn is_rotating(&self) -> bool {
        self.sealer.has_older()
    }

    /// Moves the signing keys, then page after page of accounts, as long as `more` says so before each page. Goes on where an
    /// earlier call stopped; after a complete one it starts anew. Each value stays readable throughout, whatever stops it.
    pub async fn reseal(&self, by: Actor, more: impl FnMut() -> bool) -> Result<Progress, Fault> {
        let before = self.progress().await?.filter(|progress| !progress.is_complete());
        self.resume(before, by, PAGE, more).await
    }

    /// The same by a schedule, `page` accounts at a time, while a rotation is under way. After a walk that moved values comes another
    /// one, and after one that found no more of them a day's pause. None where nothing is to be done now.
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

    /// Counts the sealed values of all accounts, and moves none.
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

    /// How far the move under the current secret has come; none where it has not begun.
    async fn progress(&self) -> Result<Option<Progress>, StoreError> {
        let item = self.table.get(&[Self::key()], self.clock.now()).await?.pop().flatten();
        let progress = item.map(|item| item.decode::<Progress>()).transpose()?;
        Ok(progress.filter(|progress| progress.secret == self.secret()))
    }

    /// Two that reseal at once do no harm: the later one's progress stands.
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

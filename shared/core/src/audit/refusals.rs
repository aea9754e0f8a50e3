//! Refusals in the audit log: each that somebody signed in meets, and of others as many as nobody can flood the log with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{AuditError, AuditLog};
use crate::adapter::InProcessCounters;
use crate::model::audit::{Action, Actor, Requester};
use crate::port::Window;
use crate::{Timestamp, UserId};

/// The window of one client's refusals: one event of each kind in it.
const WINDOW: Duration = Duration::from_mins(1);
/// The most events of each kind about one user in it: accounts cost nothing to make.
const MOST_OF_USER: u32 = 60;
/// The most events of clients that are not signed in, in a window, whoever they are: an attacker has many addresses.
const MOST: u32 = 100;
/// How many clients are told apart at once.
const MAX_CLIENTS: usize = 4096;

/// A request that was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The kind of refusal.
    pub action: Action,
    /// Who asked, where they are signed in.
    pub by: Option<UserId>,
    /// What they asked for, such as `PUT /v1/roles/editor`.
    pub resource: String,
    /// More, by name.
    pub details: BTreeMap<String, String>,
}

/// Writes refusals to the audit log.
///
/// A refusal changes nothing, so its event is an item of its own. A client that is not signed in costs nothing to be, and a
/// limit is met by floods: of those one event is written for each client and kind in a minute, and no more than 100 in all, by
/// each process; of a user's refusals 60 of each kind. The next event says how many were not.
pub struct Refusals {
    audit: AuditLog,
    counters: InProcessCounters,
    unwritten: AtomicU64,
}

impl Refusals {
    /// With none so far.
    pub fn new(audit: AuditLog) -> Self {
        Self { audit, counters: InProcessCounters::new(MAX_CLIENTS), unwritten: AtomicU64::new(0) }
    }

    /// Writes the event. The request stays refused where that fails, and the log says so.
    pub async fn write(&self, refusal: Refusal, from: &Requester) {
        if !self.fits(&refusal, from, self.audit.clock().now()) {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut unwritten =
            Unwritten { total: &self.unwritten, count: self.unwritten.swap(0, Ordering::Relaxed) };
        match self.append(refusal, from, unwritten.count).await {
            Ok(()) => unwritten.count = 0,
            Err(error) => {
                unwritten.count = unwritten.count.saturating_add(1);
                tracing::error!(%error, "an audit event was not written: the request was refused all the same");
            }
        }
    }

    fn fits(&self, refusal: &Refusal, from: &Requester, now: Timestamp) -> bool {
        let who = match (refusal.by, &from.address) {
            (Some(user), _) if refusal.action == Action::RequestLimited => vec![(user.to_string(), 1)],
            (Some(user), _) => vec![(user.to_string(), MOST_OF_USER)],
            (None, Some(address)) => {
                address.networks().into_iter().map(|network| (network.key, network.factor)).collect()
            }
            (None, None) => vec![("unknown".to_owned(), 1)],
        };
        let window = |key: String, limit| Window { key, limit, length: WINDOW };
        let action = refusal.action.as_str();
        let clients = who.into_iter().map(|(key, most)| window(format!("{action} {key}"), most));
        let of_all = refusal.by.is_none().then(|| window("all".to_owned(), MOST));
        let windows: Vec<Window> = clients.chain(of_all).collect();
        self.counters.count(&windows, now).iter().all(|count| count.admitted)
    }

    async fn append(&self, refusal: Refusal, from: &Requester, unwritten: u64) -> Result<(), AuditError> {
        let actor = refusal.by.map_or(Actor::Anonymous, Actor::User);
        let mut event = self.audit.event(refusal.action, actor, from)?;
        event.resource = Some(refusal.resource);
        event.details = refusal.details;
        if unwritten > 0 {
            event.details.insert("unwritten".to_owned(), unwritten.to_string());
        }
        Ok(self.audit.append(&event).await?)
    }
}

/// What an event under way says was not written. It goes back to the total unless the event is written, also where the request
/// ends before that.
struct Unwritten<'a> {
    total: &'a AtomicU64,
    count: u64,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.total.fetch_add(self.count, Ordering::Relaxed);
    }
}

//! Refusals in the audit log: those of signed-in users, and of others only so many that nobody can flood the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{AuditError, AuditLog};
use crate::adapter::InProcessCounters;
use crate::model::audit::{Action, Actor, Requester};
use crate::port::Window;
use crate::{Timestamp, UserId};

/// Window in which one client gets one event of each kind.
const WINDOW: Duration = Duration::from_mins(1);
/// Maximum number of events of each kind about one user in a window, because accounts cost nothing to create.
const MOST_OF_USER: u32 = 60;
/// Maximum number of events in a window for all clients that are not signed in, because an attacker has many addresses.
const MOST: u32 = 100;
/// Maximum number of clients that are counted separately at once.
const MAX_CLIENTS: usize = 4096;

/// Refused request.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Kind of refusal.
    pub action: Action,
    /// User who sent the request, if signed in.
    pub by: Option<UserId>,
    /// Requested resource, such as `PUT /v1/roles/editor`.
    pub resource: String,
    /// Further details, by name.
    pub details: BTreeMap<String, String>,
}

/// Writer of refusals to the audit log.
///
/// A refusal changes nothing, so its event is a separate item. Anybody can be a client that is not signed in, and floods exceed
/// limits. For such clients each process therefore writes one event per client and kind in a minute, and at most 100 in total.
/// For a user it writes 60 refusals of each kind. The next event states the number of events that were not written.
pub struct Refusals {
    audit: AuditLog,
    counters: InProcessCounters,
    unwritten: AtomicU64,
}

impl Refusals {
    /// Returns a writer without any refusals yet.
    pub fn new(audit: AuditLog) -> Self {
        Self { audit, counters: InProcessCounters::new(MAX_CLIENTS), unwritten: AtomicU64::new(0) }
    }

    /// Writes the event. If that fails, it logs an error, and the request stays refused.
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
                tracing::error!(%error, "an audit event was not written; the request was refused nevertheless");
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

/// Number of unwritten events that the current event reports. It returns to the total unless the event is written, even if the
/// request ends before that.
struct Unwritten<'a> {
    total: &'a AtomicU64,
    count: u64,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.total.fetch_add(self.count, Ordering::Relaxed);
    }
}

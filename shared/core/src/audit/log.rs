use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Action, Actor, Event, Requester};
use crate::port::table::{CommitError, Cursor, Key, List, Query, QueryError, Write};
use crate::port::{Clock, Entropy, EntropyError, StoreError, Table};
use crate::{EventId, Timestamp, UserId};

const DAY: Duration = Duration::from_hours(24);
/// How many store trips one page may cost; a filter that finds little ends its page early, with a cursor to go on.
const MAX_TRIPS: usize = 10;

/// The audit log.
///
/// An event is one item in the partition of its day (`audit#2026-01-31`), so that no partition grows for ever, and is listed in
/// the secondary index under the account it is about.
#[derive(Clone)]
pub struct AuditLog {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    retention: Duration,
}

/// An event could not be written or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// The cursor is not one that this list gave.
    #[error("the cursor is not valid for this list")]
    InvalidCursor,
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no identifier for the event.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Which events are wanted; newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those about this account.
    pub user_id: Option<UserId>,
    /// Only this action.
    pub action: Option<Action>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// How many at the most.
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<AuditCursor>,
}

/// Where a page of events ended; opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCursor(pub String);

/// Events, and where to go on.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// Newest first.
    pub events: Vec<Event>,
    /// Present when there may be more.
    pub next: Option<AuditCursor>,
}

/// A place in the walk over days.
#[derive(Serialize, Deserialize)]
struct Place {
    day: i64,
    cursor: Option<String>,
}

impl AuditLog {
    /// A log whose events end after `retention`.
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        retention: Duration,
    ) -> Self {
        Self { table, clock, entropy, retention }
    }

    /// An event of this moment.
    pub fn event(&self, action: Action, actor: Actor, from: &Requester) -> Result<Event, EntropyError> {
        Ok(Event {
            id: EventId::new(&*self.clock, &*self.entropy)?,
            at: self.clock.now(),
            action,
            actor,
            user_id: match actor {
                Actor::User(id) => Some(id),
                Actor::Anonymous | Actor::Operator | Actor::System => None,
            },
            resource: None,
            address: from.address.as_ref().map(ToString::to_string),
            user_agent: from.user_agent.clone(),
            details: BTreeMap::new(),
        })
    }

    /// The write that adds `event`, for the commit that it reports.
    pub fn write(&self, event: &Event) -> Result<Write, StoreError> {
        let write = Write::create(Key::new(partition(day_of(event.at)), event.id.to_string()), event)?
            .expiring(event.at + self.retention);
        Ok(match event.user_id {
            Some(user) => write.indexed(Key::new(user_list(user), event.id.to_string())),
            None => write,
        })
    }

    /// Adds `event` alone, where it reports something that changed nothing else.
    pub async fn append(&self, event: &Event) -> Result<(), StoreError> {
        let write = self.write(event)?;
        match self.table.commit(&[write], self.clock.now()).await {
            // When its identifier is in use, the same event was appended before and its answer was lost.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// One page of events.
    pub async fn list(&self, filter: &Filter) -> Result<AuditPage, AuditError> {
        let now = self.clock.now();
        let newest = day_of(filter.until.map_or(now, |until| until.min(now)));
        let oldest = day_of(filter.since.unwrap_or(now - self.retention).max(now - self.retention));
        let mut place = match &filter.after {
            Some(cursor) => cursor.decode().filter(|p| p.day <= newest).ok_or(AuditError::InvalidCursor)?,
            None => Place { day: newest, cursor: None },
        };
        let mut events = Vec::new();
        for _ in 0..MAX_TRIPS {
            let wanted = filter.limit.saturating_sub(u32::try_from(events.len()).unwrap_or(u32::MAX));
            if wanted == 0 || place.day < oldest {
                break;
            }
            let page = self.table.query(&query(filter, &place, wanted), now).await.map_err(|e| match e {
                QueryError::InvalidCursor => AuditError::InvalidCursor,
                QueryError::Store(error) => error.into(),
            })?;
            for item in page.items {
                let event: Event = item.decode()?;
                if matches(filter, &event) {
                    events.push(event);
                }
            }
            place = match (page.next, filter.user_id) {
                (Some(next), _) => Place { day: place.day, cursor: Some(next.0) },
                (None, None) => Place { day: place.day - 1, cursor: None },
                // The list of one account knows no days.
                (None, Some(_)) => Place { day: oldest - 1, cursor: None },
            };
        }
        let next = (place.day >= oldest).then(|| AuditCursor::encode(&place));
        Ok(AuditPage { events, next })
    }
}

impl AuditCursor {
    fn encode(place: &Place) -> Self {
        Self(URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default()))
    }

    fn decode(&self) -> Option<Place> {
        crate::json::read(&URL_SAFE_NO_PAD.decode(&self.0).ok()?).ok()
    }
}

fn query(filter: &Filter, place: &Place, limit: u32) -> Query {
    let list = match filter.user_id {
        Some(user) => List::Index(user_list(user)),
        None => List::Partition(partition(place.day)),
    };
    Query {
        list,
        // An identifier begins with its time (RFC 9562, section 5.7), so a time is a bound among identifiers.
        from: filter.since.map(id_at),
        until: filter.until.map(id_at),
        descending: true,
        limit,
        after: place.cursor.clone().map(Cursor),
    }
}

fn matches(filter: &Filter, event: &Event) -> bool {
    filter.action.is_none_or(|action| action == event.action)
        && filter.since.is_none_or(|since| event.at >= since)
        && filter.until.is_none_or(|until| event.at < until)
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(86_400_000)
}

fn partition(day: i64) -> String {
    let midnight = Timestamp::from_secs(0) + DAY * u32::try_from(day).unwrap_or(0);
    format!("audit#{}", midnight.to_string().get(..10).unwrap_or("0000-00-00"))
}

fn user_list(user: UserId) -> String {
    format!("audit#user#{user}")
}

/// The lowest identifier of that millisecond.
fn id_at(at: Timestamp) -> String {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xFFFF)
}

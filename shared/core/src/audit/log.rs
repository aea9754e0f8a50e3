use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Event, Requester};
use crate::model::shards::{partition, partitions};
use crate::port::table::{CommitError, Item, Key, List, Write};
use crate::port::{Clock, Entropy, EntropyError, StoreError, Table};
use crate::shards::{self, Stretch};
use crate::{EventId, Timestamp, UserId};

const DAY: Duration = Duration::from_hours(24);
/// Maximum number of round trips for one page. A filter that finds little ends its page early, with a cursor to continue.
const MAX_TRIPS: usize = 10;
/// Maximum number of days that one round trip reads. It starts with one day and doubles each time that the days hold too few
/// events.
const MAX_DAYS: i64 = 12;

/// Audit log.
///
/// An event is one item in a partition of its day (`audit#2026-01-31#5`), so no partition grows without end. Each day has
/// several partitions, so none gets too much load ([`shards`]). The secondary index lists the event under the account
/// concerned: one list per account, because rate limits bound the events of one account.
#[derive(Clone)]
pub struct AuditLog {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    retention: Duration,
}

/// Error of writing or reading an event.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The cursor does not belong to this list.
    #[error("the cursor is not valid for this list")]
    InvalidCursor,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(AuditError);

/// Filter of events; the result is sorted newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only events about this account.
    pub user_id: Option<UserId>,
    /// Only events with this action.
    pub action: Option<Action>,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Maximum number of events.
    pub limit: u32,
    /// Cursor at the end of the previous page.
    pub after: Option<AuditCursor>,
}

/// End of a page of events; opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCursor(pub String);

/// Events, with a cursor to the next page.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// Events, newest first.
    pub events: Vec<Event>,
    /// Cursor to the next page. Present if there may be more events.
    pub next: Option<AuditCursor>,
}

/// Position in the days: the day, and the last event of it that was read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    day: i64,
    last: Option<EventId>,
}

impl AuditLog {
    /// Returns a log whose events expire after `retention`.
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        retention: Duration,
    ) -> Self {
        Self { table, clock, entropy, retention }
    }

    /// Returns the clock that dates events.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns an event at the current time.
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
            before: None,
            after: None,
            details: BTreeMap::new(),
        })
    }

    /// Returns the write that adds `event`, for the commit that it reports.
    pub fn write(&self, event: &Event) -> Result<Write, StoreError> {
        let partition = partition(&day_list(day_of(event.at)), event.id.as_bytes());
        let write = Write::create(Key::new(partition, event.id.to_string()), event)?
            .expiring(event.at + self.retention);
        Ok(match event.user_id {
            Some(user) => write.indexed(Key::new(user_list(user), event.id.to_string())),
            None => write,
        })
    }

    /// Adds `event` in a commit of its own, for an event that changed nothing else.
    pub async fn append(&self, event: &Event) -> Result<(), StoreError> {
        let write = self.write(event)?;
        match self.table.commit(&[write], self.clock.now()).await {
            // If its identifier is taken, the same event was appended before and the response was lost.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Returns one page of events.
    pub async fn list(&self, filter: &Filter) -> Result<AuditPage, AuditError> {
        let now = self.clock.now();
        // Expired events are hidden anyway, so do not read them.
        let since = filter.since.unwrap_or(now - self.retention).max(now - self.retention);
        let newest = day_of(filter.until.map_or(now, |until| until.min(now)));
        let oldest = day_of(since);
        let mut position = match &filter.after {
            Some(cursor) => cursor.decode().filter(|p| p.day <= newest).ok_or(AuditError::InvalidCursor)?,
            None => Position { day: newest, last: None },
        };
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let (mut events, mut trips, mut days) = (Vec::new(), MAX_TRIPS, 1);
        while events.len() < limit && trips > 0 && position.day >= oldest {
            let stretch = Stretch {
                // An identifier starts with its time (RFC 9562, section 5.7), so a time bounds identifiers.
                from: Some(id_at(since)),
                until: position.last.map(|last| last.to_string()).or_else(|| filter.until.map(id_at)),
                descending: true,
                limit: limit - events.len(),
                trips,
            };
            let first = (position.day - days + 1).max(oldest);
            let lists = lists(filter, first..=position.day);
            let page = shards::merged(&*self.table, now, lists, &stretch, sort).await?;
            trips -= page.trips.min(trips);
            for item in page.items {
                let event: Event = item.decode()?;
                position = Position { day: day_of(event.at), last: Some(event.id) };
                if matches(filter, &event) {
                    events.push(event);
                }
            }
            if !page.more {
                // The list of one account is not divided into days.
                let day = if filter.user_id.is_some() { oldest } else { first };
                position = Position { day: day - 1, last: None };
                days = (days * 2).min(MAX_DAYS);
            }
        }
        let next = (position.day >= oldest).then(|| AuditCursor::encode(&position));
        Ok(AuditPage { events, next })
    }
}

impl AuditCursor {
    fn encode(position: &Position) -> Self {
        Self(URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default()))
    }

    fn decode(&self) -> Option<Position> {
        crate::json::read(&URL_SAFE_NO_PAD.decode(&self.0).ok()?).ok()
    }
}

/// Returns the lists that contain the events of these days for `filter`.
fn lists(filter: &Filter, days: RangeInclusive<i64>) -> Vec<List> {
    let of_day = |day| partitions(&day_list(day)).map(List::Partition).collect::<Vec<_>>();
    match filter.user_id {
        Some(user) => vec![List::Index(user_list(user))],
        None => days.flat_map(of_day).collect(),
    }
}

/// Returns the identifier of the event, which orders every list of events.
fn sort(item: &Item) -> &str {
    &item.key.sort
}

fn matches(filter: &Filter, event: &Event) -> bool {
    filter.action.is_none_or(|action| action == event.action)
        && filter.since.is_none_or(|since| event.at >= since)
        && filter.until.is_none_or(|until| event.at < until)
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(86_400_000)
}

/// Returns the list of the events of a day.
fn day_list(day: i64) -> String {
    let midnight = Timestamp::from_secs(0) + DAY * u32::try_from(day).unwrap_or(0);
    format!("audit#{}", midnight.to_string().get(..10).unwrap_or("0000-00-00"))
}

fn user_list(user: UserId) -> String {
    format!("audit#user#{user}")
}

/// Returns the lowest identifier of that millisecond.
fn id_at(at: Timestamp) -> String {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xFFFF)
}

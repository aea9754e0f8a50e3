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
/// How many round trips one page may cost; a filter that finds little ends its page early, with a cursor to go on.
const MAX_TRIPS: usize = 10;
/// How many days a round trip may look into: one at first, and twice as many each time that a stretch ends too early.
const MAX_DAYS: i64 = 12;

/// The audit log.
///
/// An event is one item in a partition of its day (`audit#2026-01-31#5`), so that no partition grows for ever, and of several
/// of that day, so that none grows hot ([`shards`]). It is listed in the secondary index under the account it is about: one
/// list for each, as the limits bound what happens to one account.
#[derive(Clone)]
pub struct AuditLog {
    table: Arc<dyn Table>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    retention: Duration,
}

/// An event could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The cursor is not one that this list gave.
    #[error("the cursor is not valid for this list")]
    InvalidCursor,
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(AuditError);

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

/// A position in the walk over days: the day, and the last event of it that was looked at.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    day: i64,
    last: Option<EventId>,
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

    /// The clock that events go by.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
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
            before: None,
            after: None,
            details: BTreeMap::new(),
        })
    }

    /// The write that adds `event`, for the commit that it reports.
    pub fn write(&self, event: &Event) -> Result<Write, StoreError> {
        let partition = partition(&day_list(day_of(event.at)), event.id.as_bytes());
        let write = Write::create(Key::new(partition, event.id.to_string()), event)?
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
            // When its identifier is in use, the same event was appended before and its response was lost.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// One page of events.
    pub async fn list(&self, filter: &Filter) -> Result<AuditPage, AuditError> {
        let now = self.clock.now();
        // What has ended is hidden anyway; it need not be read either.
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
                // An identifier begins with its time (RFC 9562, section 5.7), so a time is a bound among identifiers.
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
                // The list of one account knows no days.
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

/// The lists that the events of these days which `filter` wants are in.
fn lists(filter: &Filter, days: RangeInclusive<i64>) -> Vec<List> {
    let of_day = |day| partitions(&day_list(day)).map(List::Partition).collect::<Vec<_>>();
    match filter.user_id {
        Some(user) => vec![List::Index(user_list(user))],
        None => days.flat_map(of_day).collect(),
    }
}

/// The event's identifier, by which every list of events is ordered.
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

/// The list of a day's events.
fn day_list(day: i64) -> String {
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

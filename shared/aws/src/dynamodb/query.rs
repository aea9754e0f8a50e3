use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use latchkey_core::Timestamp;
use latchkey_core::port::StoreError;
use latchkey_core::port::table::{List, MAX_KEY, Page, Query, QueryError};

use super::cursor::Place;
use super::error::store_error;
use super::expression::{LIVE, text, time};
use super::item::{Attributes, read};

/// Maximum number of requests for one page. Most pages take one; more are needed where many items in a row
/// have expired.
const MAX_ROUNDS: usize = 10;
/// Minimum number of items that a round after the first examines.
const NEXT_ROUND: usize = 200;

/// Returns one page of a list. DynamoDB applies its limit before it filters expired items, so further
/// requests may be needed to fill a page.
pub(super) async fn query(
    client: &Client,
    table: &str,
    query: &Query,
    now: Timestamp,
) -> Result<Page, QueryError> {
    let place = query.after.as_ref().map(|cursor| Place::open(cursor, &query.list)).transpose()?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let range = Range::new(query);
    let mut start = place.filter(|place| !range.is_before(place.sort(), query.descending));
    let is_over = start.as_ref().is_some_and(|place| range.ends_at(place.sort(), query));
    if is_over || range.is_empty() {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let mut found = Vec::new();
    for round in 0..MAX_ROUNDS {
        // One more item than requested shows if there is a next page.
        let wanted = limit + 1 - found.len();
        let looked_at = if round == 0 { wanted } else { wanted.max(NEXT_ROUND) };
        let request = request(client, table, query, &range, now)
            .limit(i32::try_from(looked_at).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(|place| place.key(&query.list)));
        let answer = request.send().await.map_err(|error| store_error(&error, table))?;
        let mut is_over = false;
        for item in answer.items.unwrap_or_default() {
            let place = Place::of(&query.list, &item)?;
            is_over |= range.is_behind(place.sort(), query.descending);
            if range.holds(place.sort()) {
                found.push(item);
            }
        }
        start = match answer.last_evaluated_key {
            Some(last) if !is_over => Some(Place::of(&query.list, &last)?),
            _ => None,
        };
        if start.is_none() || found.len() > limit {
            break;
        }
    }
    page(&query.list, found, limit, start)
}

/// Returns the first `limit` of `found`. `rest` is the place where DynamoDB stopped.
fn page(
    list: &List,
    mut found: Vec<Attributes>,
    limit: usize,
    rest: Option<Place>,
) -> Result<Page, QueryError> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = match found.last() {
        Some(last) if more => Some(Place::of(list, last)?),
        _ => rest,
    };
    let items = found.iter().map(read).collect::<Result<_, StoreError>>()?;
    Ok(Page { items, next: next.map(Place::seal) })
}

fn request(
    client: &Client,
    table: &str,
    query: &Query,
    range: &Range<'_>,
    now: Timestamp,
) -> QueryFluentBuilder {
    let (names, partition) = match &query.list {
        List::Partition(partition) => (["pk", "sk"], partition),
        List::Index(partition) => (["ipk", "isk"], partition),
    };
    let mut request = client
        .query()
        .table_name(table)
        .key_condition_expression(range.condition(names))
        .expression_attribute_values(":partition", text(partition))
        .filter_expression(LIVE)
        .expression_attribute_values(":now", time(now))
        .scan_index_forward(!query.descending);
    for (name, bound) in [(":from", range.from), (":until", range.until)] {
        if let Some(bound) = bound.filter(|bound| is_key(bound)) {
            request = request.expression_attribute_values(name, text(bound));
        }
    }
    match query.list {
        List::Partition(_) => request.consistent_read(true),
        List::Index(_) => request.index_name("index"),
    }
}

/// The requested range of a list. DynamoDB accepts one condition on the sort key, and none that includes the
/// lower end and excludes the upper end, so its results are filtered again.
struct Range<'a> {
    partition: &'a str,
    from: Option<&'a str>,
    until: Option<&'a str>,
}

impl<'a> Range<'a> {
    fn new(query: &'a Query) -> Self {
        let (List::Partition(partition) | List::Index(partition)) = &query.list;
        // No key is empty, so every key is after an empty bound.
        let from = query.from.as_deref().filter(|from| !from.is_empty());
        Self { partition, from, until: query.until.as_deref() }
    }

    /// Returns true if no item can be in the range. DynamoDB refuses such a query.
    fn is_empty(&self) -> bool {
        !is_key(self.partition)
            || self.until.is_some_and(|until| until.is_empty() || self.from.is_some_and(|from| from >= until))
    }

    fn holds(&self, sort: &str) -> bool {
        self.from.is_none_or(|from| sort >= from) && self.until.is_none_or(|until| sort < until)
    }

    /// Returns true if a walk meets `sort` before any item of the range.
    fn is_before(&self, sort: &str, descending: bool) -> bool {
        self.is_outside(sort, !descending)
    }

    /// Returns true if a walk at `sort` has passed the range.
    fn is_behind(&self, sort: &str, descending: bool) -> bool {
        self.is_outside(sort, descending)
    }

    /// Returns true if a walk that has reached `sort` is at its end. DynamoDB refuses to start at the last
    /// sort key that a partition can have in the range. In an index other items may have the same sort key.
    fn ends_at(&self, sort: &str, query: &Query) -> bool {
        let is_last = query.descending && matches!(query.list, List::Partition(_)) && self.from == Some(sort);
        is_last || self.is_behind(sort, query.descending)
    }

    fn is_outside(&self, sort: &str, below: bool) -> bool {
        if below {
            self.from.is_some_and(|from| sort < from)
        } else {
            self.until.is_some_and(|until| sort >= until)
        }
    }

    /// Returns the text of `KeyConditionExpression`. A bound that is longer than any key is left out.
    fn condition(&self, [partition, sort]: [&str; 2]) -> String {
        let bounds = [self.from, self.until].map(|bound| bound.is_some_and(is_key));
        let range = match bounds {
            [true, true] => format!(" AND {sort} BETWEEN :from AND :until"),
            [true, false] => format!(" AND {sort} >= :from"),
            [false, true] => format!(" AND {sort} < :until"),
            [false, false] => String::new(),
        };
        format!("{partition} = :partition{range}")
    }
}

fn is_key(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len())
}

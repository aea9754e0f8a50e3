//! Long lists, spread over several partitions to divide their load, and merged when they are read.
//!
//! A store limits the writes per second of each partition: DynamoDB to 1,000 units. In one partition, a list to which every
//! sign-up or every event is written would reach that limit, whatever the capacity of the table.

use std::collections::VecDeque;

use crate::Timestamp;
use crate::port::table::{Item, List, Query, QueryError};
use crate::port::{StoreError, Table};

/// Range of a page of several lists, and its maximum size.
pub(crate) struct Stretch {
    /// First sort key of the range, included.
    pub from: Option<String>,
    /// End of the range: the first sort key that is excluded.
    pub until: Option<String>,
    /// True to read from the highest sort key down.
    pub descending: bool,
    /// Maximum number of items.
    pub limit: usize,
    /// Maximum number of round trips.
    pub trips: usize,
}

/// Items of several lists in one order.
pub(crate) struct MergedItems {
    /// Items.
    pub items: Vec<Item>,
    /// True if there may be more.
    pub more: bool,
    /// Number of round trips.
    pub trips: usize,
}

/// State of one list.
struct Lane {
    query: Query,
    items: VecDeque<Item>,
    is_done: bool,
}

impl Lane {
    fn is_waiting(&self) -> bool {
        self.items.is_empty() && !self.is_done
    }
}

/// Reads `lists` as one, in the order of `sort`, which returns the sort key of an item in its list. The sort key of the last
/// item is a valid cursor, even if other items are written meanwhile.
pub(crate) async fn merged(
    table: &dyn Table,
    now: Timestamp,
    lists: impl IntoIterator<Item = List>,
    stretch: &Stretch,
    sort: impl Fn(&Item) -> &str,
) -> Result<MergedItems, StoreError> {
    let lists: Vec<List> = lists.into_iter().collect();
    let limit = bite(stretch.limit, lists.len());
    let query = |list| Query {
        list,
        from: stretch.from.clone(),
        until: stretch.until.clone(),
        descending: stretch.descending,
        limit,
        after: None,
    };
    let mut lanes: Vec<Lane> = lists
        .into_iter()
        .map(|list| Lane { query: query(list), items: VecDeque::new(), is_done: false })
        .collect();
    let mut merged = MergedItems { items: Vec::new(), more: true, trips: 0 };
    while merged.items.len() < stretch.limit {
        if lanes.iter().any(Lane::is_waiting) {
            if merged.trips == stretch.trips {
                return Ok(merged);
            }
            merged.trips += 1;
            fetch(table, now, &mut lanes).await?;
            continue;
        }
        let heads = lanes.iter_mut().filter(|lane| !lane.items.is_empty());
        let first = heads.reduce(|a, b| {
            let is_before = a.items.front().map(&sort) < b.items.front().map(&sort);
            if is_before == stretch.descending { b } else { a }
        });
        match first.and_then(|lane| lane.items.pop_front()) {
            Some(item) => merged.items.push(item),
            None => break,
        }
    }
    merged.more = lanes.iter().any(|lane| !lane.items.is_empty() || !lane.is_done);
    Ok(merged)
}

/// Returns the number of items to read of each list at once: slightly more than its share, so that most pages take one round
/// trip without reading a whole page of each list.
fn bite(limit: usize, lists: usize) -> u32 {
    let share = limit.div_ceil(lists.max(1));
    let bite = if lists <= 1 { limit } else { limit.min(share + share.div_ceil(2) + 3) };
    u32::try_from(bite.max(1)).unwrap_or(u32::MAX).min(crate::port::table::MAX_PAGE)
}

/// Reads the next items of every waiting list, in one round trip.
async fn fetch(table: &dyn Table, now: Timestamp, lanes: &mut [Lane]) -> Result<(), StoreError> {
    let mut waiting: Vec<&mut Lane> = lanes.iter_mut().filter(|lane| lane.is_waiting()).collect();
    let queries: Vec<Query> = waiting.iter().map(|lane| lane.query.clone()).collect();
    let pages = table.query_all(&queries, now).await.map_err(|error| match error {
        QueryError::InvalidCursor => StoreError::Refused("the store refused its own cursor".to_owned()),
        QueryError::Store(error) => error,
    })?;
    for (lane, page) in waiting.iter_mut().zip(pages) {
        lane.items.extend(page.items);
        lane.is_done = page.next.is_none();
        lane.query.after = page.next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_little_more_than_it_gives() {
        assert_eq!([1, 2, 8, 50, 200].map(|limit| bite(limit, 8)), [1, 2, 5, 14, 41]);
        assert_eq!(bite(50, 1), 50);
        assert_eq!(bite(0, 8), 1);
    }
}

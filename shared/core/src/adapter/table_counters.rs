//! Counters on the table, for deployments without a store for counters.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::window;
use crate::Timestamp;
use crate::adapter::SlidingLog;
use crate::port::table::{CommitError, Item, Key, MAX_GET, Write};
use crate::port::{Count, Counters, StoreError, Table, Window};

/// [`Counters`] over a [`Table`]. Each window is one item with the exact log of its hits, replaced on condition that it is
/// unchanged since it was read.
///
/// A hit takes two round trips, one if it is refused, and two more each time that another caller was faster. The number of
/// retries is bounded: each time one more hit was counted, until the window is full.
#[derive(Clone)]
pub struct TableCounters {
    table: Arc<dyn Table>,
}

impl TableCounters {
    /// Maximum number of tries of a hit before it fails with [`StoreError::Unavailable`]. It is larger than the default limits,
    /// so only windows of hundreds of hits can be too busy.
    pub const MAX_ATTEMPTS: usize = 100;

    /// Time for which an item is stored after its window ends, because callers have times slightly out of order.
    pub const SLACK: Duration = Duration::from_mins(1);

    /// Returns counters over `table`.
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table }
    }

    /// Returns the key of the log of a window. Each window has its own partition, so a store that divides its load by partition
    /// divides this load.
    pub fn key(window: &str) -> Key {
        Key::new(format!("count#{window}"), "hits")
    }

    /// Makes one try. Returns `None` if another caller was faster.
    async fn attempt(
        &self,
        keys: &[Key],
        windows: &[Window],
        now: Timestamp,
    ) -> Result<Option<Vec<Count>>, StoreError> {
        let items = self.table.get(keys, now).await?;
        let mut logs = items.iter().map(Option::as_ref).map(read).collect::<Result<Vec<SlidingLog>, _>>()?;
        let room: Vec<Count> = logs.iter().zip(windows).map(|(log, window)| log.peek(window, now)).collect();
        if !room.iter().all(|count| count.admitted) {
            return Ok(Some(room));
        }
        let counts = logs.iter_mut().zip(windows).map(|(log, window)| log.hit(window, now)).collect();
        let parts = keys.iter().zip(&items).zip(logs.iter().zip(windows));
        let writes = parts
            .map(|((key, item), (log, window))| write(key, item.as_ref(), log, window))
            .collect::<Result<Vec<Write>, _>>()?;
        match self.table.commit(&writes, now).await {
            Ok(()) => Ok(Some(counts)),
            Err(CommitError::Conflict { .. }) => Ok(None),
            // The hit may have been counted, so a retry could count it twice.
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

impl fmt::Debug for TableCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableCounters").finish_non_exhaustive()
    }
}

#[async_trait]
impl Counters for TableCounters {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        window::check(windows)?;
        if windows.is_empty() {
            return self.table.get(&[Key::probe()], now).await.map(|_| Vec::new());
        }
        if windows.len() > MAX_GET {
            return Err(StoreError::Refused(format!("a hit on {} windows; {MAX_GET} fit", windows.len())));
        }
        let keys: Vec<Key> = windows.iter().map(|window| Self::key(&window.key)).collect();
        for _ in 0..Self::MAX_ATTEMPTS {
            if let Some(counts) = self.attempt(&keys, windows, now).await? {
                return Ok(counts);
            }
        }
        let why = format!("{} other hits came first on the same windows", Self::MAX_ATTEMPTS);
        Err(StoreError::Unavailable(why))
    }
}

fn read(item: Option<&Item>) -> Result<SlidingLog, StoreError> {
    item.map_or_else(|| Ok(SlidingLog::default()), Item::decode)
}

fn write(key: &Key, item: Option<&Item>, log: &SlidingLog, window: &Window) -> Result<Write, StoreError> {
    let put = match item {
        None => Write::create(key.clone(), log)?,
        Some(item) => Write::replace(key.clone(), log, item.version)?,
    };
    // A log that is written contains the hit for which it is written.
    let end = log.ends(window.length).unwrap_or_default();
    Ok(put.expiring(end + TableCounters::SLACK))
}

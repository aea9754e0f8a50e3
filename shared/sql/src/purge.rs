use latchkey_core::port::{Clock, StoreError};

use crate::{Driver, SqlTable};

/// Number of items that one statement removes. Nobody else can write during it.
const BITE: u32 = 500;

/// Result of a [`purge`].
#[derive(Debug)]
pub struct Purged {
    /// Number of removed items.
    pub removed: u64,
    /// Failure that ended the purge, if any.
    pub failure: Option<StoreError>,
}

/// Removes expired items until none are left, with at most `bites` statements. After each statement it waits
/// for `pause`, in which others write. Expired items are already hidden; purging only frees space.
pub async fn purge<D: Driver>(
    table: &SqlTable<D>,
    clock: &dyn Clock,
    bites: u32,
    pause: impl AsyncFn(),
) -> Purged {
    let mut removed = 0;
    for _ in 0..bites {
        match table.purge(clock.now(), BITE).await {
            Ok(some) => {
                removed += some;
                if some < u64::from(BITE) {
                    break;
                }
            }
            Err(failure) => return Purged { removed, failure: Some(failure) },
        }
        pause().await;
    }
    Purged { removed, failure: None }
}

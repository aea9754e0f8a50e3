use latchkey_core::port::{Clock, StoreError};

use crate::{Driver, SqlTable};

/// How many items one statement removes. Nobody else writes meanwhile.
const BITE: u32 = 500;

/// The result of a [`purge`].
#[derive(Debug)]
pub struct Purged {
    /// The number of items that were removed.
    pub removed: u64,
    /// The failure that ended it, if one did.
    pub failure: Option<StoreError>,
}

/// Removes expired items as long as there are any, by at most `bites` statements, with a `pause` after each in which others write.
/// Expired items are hidden already: this is for space.
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

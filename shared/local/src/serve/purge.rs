use std::sync::Arc;
use std::time::Duration;

use latchkey_core::port::Clock;
use latchkey_sql::{Driver, SqlTable};

/// The pause between two purges.
const EVERY: Duration = Duration::from_mins(10);
/// How many items one statement removes. It holds the database's write lock meanwhile.
const BITE: u32 = 500;
/// The pause between two statements, in which others write.
const PAUSE: Duration = Duration::from_millis(20);

/// Removes expired items, all there are, now and every ten minutes. They are hidden already: this is for space.
pub async fn purge<D: Driver>(table: Arc<SqlTable<D>>, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        purge_once(&table, &*clock).await;
    }
}

async fn purge_once<D: Driver>(table: &SqlTable<D>, clock: &dyn Clock) {
    let mut removed = 0;
    loop {
        match table.purge(clock.now(), BITE).await {
            Ok(some) => {
                removed += some;
                if some < u64::from(BITE) {
                    break;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "expired items could not be removed");
                break;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    if removed > 0 {
        tracing::debug!(removed, "expired items were removed");
    }
}

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::port::Clock;
use latchkey_sql::{Driver, SqlTable};

/// Pause between two purges.
const EVERY: Duration = Duration::from_mins(10);
/// Pause between two statements, in which others write.
const PAUSE: Duration = Duration::from_millis(20);

/// Purges all expired items, now and every ten minutes.
pub async fn purge<D: Driver>(table: Arc<SqlTable<D>>, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let pause = || tokio::time::sleep(PAUSE);
        let purged = latchkey_sql::purge(&table, &*clock, u32::MAX, pause).await;
        if let Some(error) = purged.failure {
            tracing::warn!(%error, "expired items could not be removed");
        }
        if purged.removed > 0 {
            tracing::debug!(removed = purged.removed, "expired items were removed");
        }
    }
}

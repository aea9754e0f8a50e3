use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use latchkey_aws::dynamodb::{DynamoTable, Emulator, client, create_table};
use latchkey_core::Timestamp;
use latchkey_core::adapter::TableCounters;
use latchkey_core::port::{Count, Counters, StoreError, Window};
use latchkey_testkit::{counters_conformance, table_conformance};

use crate::support::{emulator, settings, table};

/// Returns a table of its own for a test.
async fn own_table(endpoint: &str) -> Arc<DynamoTable> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("conformance-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let client = client(&settings(endpoint));
    create_table(&client, &name).await.unwrap();
    Arc::new(table(client, &name))
}

/// Counters over a table of their own in an emulator of their own.
struct Emulated {
    counters: TableCounters,
    _emulator: Emulator,
}

#[async_trait]
impl Counters for Emulated {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.counters.hit(windows, now).await
    }
}

mod dynoxide {
    use super::*;

    table_conformance!({
        let emulator = emulator().await;
        (own_table(emulator.endpoint()).await, emulator)
    });

    mod counters {
        use super::*;

        counters_conformance!(ignore_crowds = "takes a minute: 200 hits at once on one item", async {
            let emulator = emulator().await;
            let counters = TableCounters::new(own_table(emulator.endpoint()).await);
            Arc::new(Emulated { counters, _emulator: emulator })
        });
    }
}

mod amazons_own {
    use super::*;

    table_conformance!(ignore = "needs java and infra/setup/dynamodb-local", {
        (own_table(crate::local::endpoint()).await, ())
    });
}

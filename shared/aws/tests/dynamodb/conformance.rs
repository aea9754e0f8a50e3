use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use latchkey_aws::dynamodb::{client, create_table};
use latchkey_testkit::table_conformance;

use crate::support::{emulator, settings, table};

/// A name that no other test of this run has.
fn own_table() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("conformance-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

mod dynoxide {
    use super::*;

    table_conformance!({
        let emulator = emulator().await;
        let client = client(&settings(emulator.endpoint()));
        let name = own_table();
        create_table(&client, &name).await.unwrap();
        (Arc::new(table(client, &name)), emulator)
    });
}

mod amazons_own {
    use super::*;

    table_conformance!(ignore = "needs java and infra/setup/dynamodb-local", {
        let client = client(&settings(crate::local::endpoint()));
        let name = own_table();
        create_table(&client, &name).await.unwrap();
        (Arc::new(table(client, &name)), ())
    });
}

use std::sync::Arc;

use latchkey_aws::dynamodb::{DynamoTable, client, create_table};
use latchkey_testkit::table_conformance;

use crate::support::{emulator, settings};

mod dynoxide {
    use super::*;

    table_conformance!({
        let emulator = emulator().await;
        let client = client(&settings(emulator.endpoint()));
        create_table(&client, "conformance").await.unwrap();
        (Arc::new(DynamoTable::new(client, "conformance".to_owned())), emulator)
    });
}

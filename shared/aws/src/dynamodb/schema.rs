use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use latchkey_core::port::StoreError;

use super::error::store_error;

/// Creates the table `name` with its index and its TTL, for tests and local use; in a deployment the stack
/// creates it. An existing table stays as it is.
pub async fn create_table(client: &Client, name: &str) -> Result<(), StoreError> {
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused(error.to_string());
    let index = GlobalSecondaryIndex::builder()
        .index_name("index")
        .key_schema(part("ipk", KeyType::Hash).map_err(invalid)?)
        .key_schema(part("isk", KeyType::Range).map_err(invalid)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .map_err(invalid)?;
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(part("pk", KeyType::Hash).map_err(invalid)?)
        .key_schema(part("sk", KeyType::Range).map_err(invalid)?)
        .global_secondary_indexes(index);
    for name in ["pk", "sk", "ipk", "isk"] {
        let definition =
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().map_err(invalid)?);
    }
    match request.send().await {
        Ok(_) => expire(client, name).await,
        Err(SdkError::ServiceError(answer))
            if matches!(answer.err(), CreateTableError::ResourceInUseException(_)) =>
        {
            Ok(())
        }
        Err(error) => Err(store_error(&error, name)),
    }
}

fn part(name: &str, kind: KeyType) -> Result<KeySchemaElement, aws_sdk_dynamodb::error::BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

async fn expire(client: &Client, table: &str) -> Result<(), StoreError> {
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build();
    let ttl = ttl.map_err(|error| StoreError::Refused(error.to_string()))?;
    let answer = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    answer.map(|_| ()).map_err(|error| store_error(&error, table))
}

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Condition, Version};
use latchkey_core::port::{Entropy, StoreError};
use latchkey_native::SystemEntropy;

use super::error::store_error;
use super::expression::{number, time};
use super::item::Attributes;
use super::retry::Doubt;

/// Unchanged since it was read and not ended, or written by an earlier attempt of this very call.
const CONDITION: &str =
    "(version = :version AND (attribute_not_exists(expires_at) OR expires_at > :now)) OR nonce = :nonce";

/// Replaces one item that was read at `version` by `item`: a refresh, most of all. It costs half of a transaction, and takes
/// half the time.
///
/// A transaction has a token by which DynamoDB knows an attempt again; a put has none. So the item carries a nonce of this
/// call: an attempt that follows one whose answer was lost finds it, and writes the same once more. Versions only rise, so a
/// version that was replaced does not come back for a late attempt. Where the item is neither as it was read nor ours, and
/// an earlier attempt may have been applied, others may have replaced ours since: nobody can tell, and the caller hears that.
///
/// A create cannot be told apart this way: somebody may delete what the first attempt made, and the second would make it
/// again. Creates, deletes and checks are transactions, even alone.
pub(super) async fn replace(
    client: &Client,
    table: &str,
    mut item: Attributes,
    (version, now): (Version, Timestamp),
) -> Result<(), CommitError> {
    let mut nonce = [0; 8];
    SystemEntropy.fill(&mut nonce).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let nonce = AttributeValue::B(Blob::new(nonce));
    item.insert("nonce".to_owned(), nonce.clone());
    let doubt = Doubt::default();
    let put = client
        .put_item()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(CONDITION)
        .expression_attribute_values(":version", number(version))
        .expression_attribute_values(":now", time(now))
        .expression_attribute_values(":nonce", nonce);
    let answer = put.customize().interceptor(doubt.clone()).send().await;
    answer.map(|_| ()).map_err(|error| failure(&error, table, &doubt))
}

fn failure(error: &SdkError<PutItemError>, table: &str, doubt: &Doubt) -> CommitError {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(_)) if doubt.arose() => {
            let text = "an answer of DynamoDB was lost, and the item has been replaced since";
            CommitError::Store(StoreError::Unavailable(text.to_owned()))
        }
        Some(PutItemError::ConditionalCheckFailedException(_)) => CommitError::Conflict { write: 0 },
        _ => CommitError::Store(store_error(error, table)),
    }
}

/// The version that a lone write replaces, if that is all it demands.
pub(super) fn version(condition: Condition) -> Option<Version> {
    match condition {
        Condition::Unchanged(version) => Some(version),
        Condition::Absent => None,
    }
}

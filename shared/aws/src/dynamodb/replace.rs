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

/// Holds if the item is unchanged since it was read and has not expired, or if an earlier attempt of this
/// call wrote it.
const CONDITION: &str =
    "(version = :version AND (attribute_not_exists(expires_at) OR expires_at > :now)) OR nonce = :nonce";

/// Replaces one item that was read at `version` by `item`, mostly for a refresh. It costs half of a
/// transaction, and takes half the time.
///
/// A transaction has a token by which DynamoDB recognises a repeated attempt; a put has none. The item
/// therefore carries a nonce of this call: an attempt after a lost response finds it, and writes the same
/// item again. Versions only rise, so a replaced version never returns for a late attempt. If the item is
/// neither as read nor from this call, and an earlier attempt may have been applied, others may have replaced
/// its item since. Then the outcome is unknown, and the caller gets an error.
///
/// A create cannot be recognised this way: somebody may delete the item of the first attempt, and the second
/// would create it again. Creates, deletes and checks are therefore transactions, even single ones.
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
            let text = "a response of DynamoDB was lost, and the item has been replaced since";
            CommitError::Store(StoreError::Unavailable(text.to_owned()))
        }
        Some(PutItemError::ConditionalCheckFailedException(_)) => CommitError::Conflict { write: 0 },
        _ => CommitError::Store(store_error(error, table)),
    }
}

/// Returns the version that a single write replaces, if that is its only condition.
pub(super) fn version(condition: Condition) -> Option<Version> {
    match condition {
        Condition::Unchanged(version) => Some(version),
        Condition::Absent => None,
    }
}

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem};
use latchkey_core::Timestamp;
use latchkey_core::port::StoreError;
use latchkey_core::port::table::{CommitError, Condition, Write};

use super::error::store_error;
use super::expression::Expression;
use super::item::{primary, write};

/// Commits `writes` together.
///
/// The SDK puts the same `ClientRequestToken` on all attempts of a call, by which DynamoDB recognises a
/// transaction for ten minutes: an attempt after a lost response succeeds and writes nothing.
pub(super) async fn commit(
    client: &Client,
    table: &str,
    writes: &[Write],
    now: Timestamp,
) -> Result<(), CommitError> {
    let steps = writes.iter().map(|write| step(table, write, now)).collect::<Result<Vec<_>, _>>()?;
    let answer = client.transact_write_items().set_transact_items(Some(steps)).send().await;
    answer.map(|_| ()).map_err(|error| failure(&error, table))
}

fn step(table: &str, step: &Write, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
    let built = match step {
        Write::Put { key, body, index, expires_at, condition } => {
            let Expression { text, values } = Expression::new(*condition, now);
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(write(key, body, index.as_ref(), *expires_at, (*condition, now))))
                .condition_expression(text)
                .set_expression_attribute_values(Some(values));
            put.build().map(|put| TransactWriteItem::builder().put(put))
        }
        Write::Delete { key, condition } => {
            let condition = condition.map(|version| Expression::new(Condition::Unchanged(version), now));
            let (text, values) = condition.map(|it| (it.text.to_owned(), it.values)).unzip();
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(primary(key)))
                .set_condition_expression(text)
                .set_expression_attribute_values(values);
            delete.build().map(|delete| TransactWriteItem::builder().delete(delete))
        }
        Write::Check { key, condition } => {
            let Expression { text, values } = Expression::new(*condition, now);
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(primary(key)))
                .condition_expression(text)
                .set_expression_attribute_values(Some(values));
            check.build().map(|check| TransactWriteItem::builder().condition_check(check))
        }
    };
    built.map(TransactWriteItemBuilder::build).map_err(|error| StoreError::Refused(error.to_string()))
}

fn failure(error: &SdkError<TransactWriteItemsError>, table: &str) -> CommitError {
    if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() {
        return match Cancellation::of(canceled.cancellation_reasons()) {
            Cancellation::Conflict(write) => CommitError::Conflict { write },
            Cancellation::Refused(why) => CommitError::Store(StoreError::Refused(format!("DynamoDB: {why}"))),
            Cancellation::Passing(why) => {
                let text = format!(
                    "DynamoDB canceled every attempt of the transaction, the last one because of {why}"
                );
                CommitError::Store(StoreError::Unavailable(text))
            }
        };
    }
    CommitError::Store(store_error(error, table))
}

/// Reason that a transaction was canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cancellation {
    /// The condition of the write at this position failed, and of none before it.
    Conflict(usize),
    /// The transaction can never succeed.
    Refused(String),
    /// The transaction met another transaction, or too many requests. It may succeed on a retry.
    Passing(String),
}

impl Cancellation {
    /// Reads the reasons, one for each write in order. The first reason decides: after a write that only met
    /// another transaction, a failed condition need not be the first that fails.
    pub fn of(reasons: &[CancellationReason]) -> Self {
        let first = reasons.iter().enumerate().find_map(|(place, reason)| match reason.code() {
            None | Some("None") => None,
            Some(code) => Some((place, code, reason.message())),
        });
        match first {
            Some((place, "ConditionalCheckFailed", _)) => Self::Conflict(place),
            Some((_, code @ ("ValidationError" | "ItemCollectionSizeLimitExceeded"), message)) => {
                Self::Refused(message.unwrap_or(code).to_owned())
            }
            Some((_, code, _)) => Self::Passing(code.to_owned()),
            None => Self::Passing("no reason".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(codes: &[Option<&str>]) -> Cancellation {
        let reason =
            |code: Option<&str>| CancellationReason::builder().set_code(code.map(str::to_owned)).build();
        Cancellation::of(&codes.iter().copied().map(reason).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_failed_condition_is_named() {
        let failed = Some("ConditionalCheckFailed");
        assert_eq!(of(&[failed]), Cancellation::Conflict(0));
        assert_eq!(of(&[Some("None"), None, failed, failed]), Cancellation::Conflict(2));
    }

    #[test]
    fn a_condition_behind_a_meeting_does_not_decide() {
        for code in
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "NewlyInvented"]
        {
            let passing = Cancellation::Passing(code.to_owned());
            assert_eq!(of(&[Some("None"), Some(code), Some("ConditionalCheckFailed")]), passing);
            assert_eq!(of(&[Some("ConditionalCheckFailed"), Some(code)]), Cancellation::Conflict(0));
        }
        assert!(matches!(of(&[]), Cancellation::Passing(_)));
    }

    #[test]
    fn what_never_works_is_refused() {
        assert!(matches!(of(&[Some("ValidationError")]), Cancellation::Refused(_)));
    }
}

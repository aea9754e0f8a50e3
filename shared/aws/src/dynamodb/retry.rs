use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::interceptors::{FinalizerInterceptorContextRef, InterceptorContext};
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::transaction::Cancellation;

/// Classifier of failures that may pass on a retry, besides those that the SDK knows: a conflict between
/// transactions, and a response that cannot be read although its status is a success.
#[derive(Debug)]
pub(super) struct Passing;

impl ClassifyRetry for Passing {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let Some(error) = error.as_operation_error() else { return RetryAction::NoActionIndicated };
        if context.response().is_some_and(|response| response.status().is_success()) {
            return RetryAction::transient_error();
        }
        if let Some(PutItemError::TransactionConflictException(_)) = error.downcast_ref() {
            return RetryAction::transient_error();
        }
        if let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.downcast_ref()
            && matches!(Cancellation::of(canceled.cancellation_reasons()), Cancellation::Passing(_))
        {
            return RetryAction::transient_error();
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "Transactions that meet"
    }
}

/// Flag for an attempt whose outcome is unknown.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// Returns true if any attempt so far had an unknown outcome.
    pub fn arose(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Intercept for Doubt {
    fn name(&self) -> &'static str {
        "Doubt"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A 4xx means that DynamoDB has written nothing.
        let is_clear = match context.output_or_error() {
            Some(Ok(_)) => true,
            Some(Err(error)) => {
                error.is_operation_error()
                    && context.response().is_some_and(|response| response.status().is_client_error())
            }
            None => false,
        };
        if !is_clear {
            self.0.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

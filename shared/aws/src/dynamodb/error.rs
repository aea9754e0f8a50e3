use std::error::Error;
use std::fmt::Write as _;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use latchkey_core::port::StoreError;

/// What a failed call means for the caller. The text is for the log: it names the fix where somebody can fix it, and holds
/// nothing of any item.
pub(super) fn store_error<E, R>(error: &SdkError<E, R>, table: &str) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return StoreError::Unavailable(format!("DynamoDB gave no answer: {}", chain(error)));
    };
    let Some(code) = answer.err().code() else {
        return StoreError::Unavailable(format!("DynamoDB's answer cannot be read: {}", chain(answer.err())));
    };
    let message = answer.err().message().unwrap_or("no message");
    match code {
        // About the call, whose values it does not repeat.
        "ValidationException" => StoreError::Refused(format!("DynamoDB: {message}")),
        _ => StoreError::Unavailable(match fix(code) {
            Some(fix) => format!("DynamoDB answered {code} for the table {table}: {message}; {fix}"),
            None => format!("DynamoDB answered {code}: {message}"),
        }),
    }
}

/// What went wrong and why. Without any `Debug`, which would show the response and so what is stored.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// What an operator can do about `code`.
fn fix(code: &str) -> Option<&'static str> {
    match code {
        "ResourceNotFoundException" => Some("set LATCHKEY_TABLE and AWS_REGION to a table that is there"),
        "AccessDeniedException" => Some("allow this function's role to do it"),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "InvalidClientTokenId" => {
            Some("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and the clock")
        }
        "ExpiredTokenException" | "ExpiredToken" => Some("renew the AWS credentials"),
        _ => None,
    }
}

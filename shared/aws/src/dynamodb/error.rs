use std::error::Error;
use std::fmt::Write as _;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use latchkey_core::port::StoreError;

/// Returns the meaning of a failed call. The text is for the log: it names the fix if there is one, and
/// contains nothing of any item.
pub(super) fn store_error<E, R>(error: &SdkError<E, R>, table: &str) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return StoreError::Unavailable(format!("DynamoDB sent no response: {}", chain(error)));
    };
    let Some(code) = answer.err().code() else {
        return StoreError::Unavailable(format!(
            "DynamoDB's response cannot be read: {}",
            chain(answer.err())
        ));
    };
    let message = answer.err().message().unwrap_or("no message");
    match code {
        // The message is about the call and does not repeat its values.
        "ValidationException" => StoreError::Refused(format!("DynamoDB: {message}")),
        _ => StoreError::Unavailable(match fix(code) {
            Some(fix) => format!("DynamoDB responded {code} for the table {table}: {message}; {fix}"),
            None => format!("DynamoDB responded {code}: {message}"),
        }),
    }
}

/// Returns the error and its causes. It avoids `Debug`, which would show the response and therefore stored
/// data.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Returns the fix that an operator can apply for `code`.
fn fix(code: &str) -> Option<&'static str> {
    match code {
        "ResourceNotFoundException" => Some("set LATCHKEY_TABLE and AWS_REGION to an existing table"),
        "AccessDeniedException" => Some("allow it in the role of this function"),
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

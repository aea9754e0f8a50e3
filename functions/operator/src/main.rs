//! Entry of the Lambda.

use std::process::ExitCode;

use latchkey_operator::operate;

fn main() -> ExitCode {
    latchkey_aws::run_direct(
        |app, _| Ok(app),
        |app, event| async move { operate(app.services(), event).await.map(|done| serde_json::json!(done)) },
    )
}

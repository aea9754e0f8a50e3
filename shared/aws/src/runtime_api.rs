//! The message that the runtime's own client does not send: that the function cannot start.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use latchkey_core::port::Fetch;
use serde_json::json;

/// Time limit of a request. The Runtime API is on the same machine.
const DEADLINE: Duration = Duration::from_secs(2);

/// Reports to Lambda that the function cannot start, and the reason, so that `Init` errors name the fix.
/// `address` is `AWS_LAMBDA_RUNTIME_API`, host and port; `cargo lambda watch` adds a scheme in front and a
/// path at the end.
pub(crate) async fn cannot_start(fetch: &dyn Fetch, address: &str, why: &str) {
    const KIND: &str = "Latchkey.Configuration";
    let body = json!({ "errorType": KIND, "errorMessage": why, "stackTrace": [] });
    let base = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let request = Request::post(format!("{base}/2018-06-01/runtime/init/error"))
        .header("lambda-runtime-function-error-type", KIND)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()));
    let told = match request {
        Ok(request) => fetch.fetch(request, DEADLINE).await.map(|_| ()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    // The reason is already in the log, and the process ends either way.
    if let Err(error) = told {
        tracing::error!(%error, "Lambda could not be told that the function cannot start");
    }
}

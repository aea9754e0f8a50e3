use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;
use url::Url;

use super::{Failure, say};

/// Time limit for the response.
const DEADLINE: Duration = Duration::from_secs(3);

/// Requests the health of the server at `url`, prints the response, and returns 1 unless the server is
/// healthy.
pub(super) fn run(url: &Url) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let health = format!("{}/health", url.as_str().trim_end_matches('/'));
    let request = Request::get(&health).body(Bytes::new())?;
    let response = runtime
        .block_on(HttpFetch::new().fetch(request, DEADLINE))
        .map_err(|error| format!("{url} does not respond: {error}"))?;
    say(String::from_utf8_lossy(response.body()).trim_end());
    Ok(if response.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! `latchkey doctor --live URL`: checks of a deployment that need only HTTP.

mod checks;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use latchkey_core::port::{Clock, Fetch, FetchError};
use latchkey_native::{HttpFetch, SystemClock};
use url::Url;

use super::Failure;
use super::findings::Findings;

/// Time limit for each response.
const DEADLINE: Duration = Duration::from_secs(10);
/// An origin that no deployment lists, because `invalid` cannot be registered (RFC 2606, section 2).
const STRANGER: &str = "https://stranger.invalid";

/// A deployment that is checked over HTTP.
struct Deployment<'a> {
    url: &'a Url,
    fetch: &'a dyn Fetch,
}

/// A request without its URL: method, path below the deployment's URL, headers.
type Question<'a> = (Method, &'a str, &'a [(&'a str, &'a str)]);

/// Checks the deployment at `url`, and that pages of `origins` may call it. It signs nobody in and changes
/// nothing.
pub(super) fn run(url: &Url, origins: &[String]) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetch = HttpFetch::new();
    let mut findings = Findings::default();
    runtime.block_on(examine(&Deployment { url, fetch: &fetch }, origins, &SystemClock, &mut findings));
    Ok(findings.exit_code())
}

async fn examine(
    deployment: &Deployment<'_>,
    origins: &[String],
    clock: &dyn Clock,
    findings: &mut Findings,
) {
    let url = deployment.url;
    findings.tell(checks::scheme(url));
    let health = match deployment.ask((Method::GET, "/health", &[])).await {
        Ok(response) => response,
        Err(error) => return findings.wrong(format_args!("{url} does not respond: {error}")),
    };
    findings.tell(checks::health(&health));
    findings.tell(checks::headers(url, &health));
    findings.tell(checks::clock(&health, clock.now()));
    if url.scheme() == "https" {
        findings.tell(checks::plain_http(deployment.ask_without_tls().await));
    }
    for (question, check) in questions(url) {
        let verdict = match deployment.ask((question.0, question.1, &question.2)).await {
            Ok(response) => check(url, &response),
            Err(error) => Err(format!("{} does not respond: {error}", question.1)),
        };
        findings.tell(verdict);
    }
    for origin in origins.iter().map(String::as_str).chain([STRANGER]) {
        let preflight = [("origin", origin), ("access-control-request-method", "POST")];
        let verdict = match deployment.ask((Method::OPTIONS, "/v1/signin", &preflight)).await {
            Ok(response) if origin == STRANGER => checks::stranger(&response),
            Ok(response) => checks::listed(origin, &response),
            Err(error) => Err(format!("a preflight of {origin} gets no response: {error}")),
        };
        findings.tell(verdict);
    }
}

type Headers = Vec<(&'static str, &'static str)>;
type Check = fn(&Url, &Response<Bytes>) -> Result<String, String>;

/// Returns the requests that are the same for every deployment, each with the check of its response.
fn questions(url: &Url) -> Vec<((Method, &'static str, Headers), Check)> {
    let mut questions: Vec<((Method, &'static str, Headers), Check)> = vec![
        ((Method::GET, "/.well-known/jwks.json", Vec::new()), |_, response| checks::key_set(response)),
        ((Method::GET, "/.well-known/openid-configuration", Vec::new()), checks::discovery),
        ((Method::GET, "/v1/session", Vec::new()), |_, response| checks::anonymous(response)),
        (
            (
                Method::POST,
                "/v1/signout",
                vec![("cookie", "__Host-latchkey-refresh=none"), ("sec-fetch-site", "cross-site")],
            ),
            |_, response| checks::forged(response),
        ),
    ];
    if url.scheme() == "https" {
        // Duplicate cookies with the prefix are refused only if the deployment reads cookies of that name.
        let twice = "__Host-latchkey-access=a; __Host-latchkey-access=b";
        questions.push(((Method::GET, "/v1/session", vec![("cookie", twice)]), |_, response| {
            checks::cookies(response)
        }));
    }
    questions
}

impl Deployment<'_> {
    async fn ask(&self, (method, path, headers): Question<'_>) -> Result<Response<Bytes>, FetchError> {
        let base = self.url.as_str().trim_end_matches('/');
        self.send(method, &format!("{base}{path}"), headers).await
    }

    /// Sends a request to the same host over http.
    async fn ask_without_tls(&self) -> Result<Response<Bytes>, FetchError> {
        let host = self.url.host_str().unwrap_or_default();
        self.send(Method::GET, &format!("http://{host}/health"), &[]).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Bytes>, FetchError> {
        let agent = concat!("latchkey-doctor/", env!("CARGO_PKG_VERSION"));
        let request = Request::builder().method(method).uri(url).header(header::USER_AGENT, agent);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request =
            request.body(Bytes::new()).map_err(|error| FetchError::Connection(error.to_string()))?;
        self.fetch.fetch(request, DEADLINE).await
    }
}

#[cfg(test)]
mod tests;

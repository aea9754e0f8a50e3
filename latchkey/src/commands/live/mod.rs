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

/// Checks the deployment at `url`, and that pages of `origins` may call it. It signs nobody in. The audit log has an event of
/// the forged request.
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
    match without_tls(url) {
        Some(plain) => findings.tell(checks::plain_http(deployment.send(Method::GET, &plain, &[]).await)),
        None if url.scheme() == "https" => {
            findings.good("http was not checked, since the URL names a port of its own");
        }
        None => {}
    }
    for Probe { method, path, headers, check } in PROBES {
        if headers.iter().any(|(name, _)| *name == "cookie") && url.scheme() != "https" {
            // Cookies have other names there.
            continue;
        }
        findings.tell(match deployment.ask((method.clone(), path, headers)).await {
            Ok(response) => check(url, &response),
            Err(error) => Err(format!("{path} does not respond: {error}")),
        });
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

/// A request that is the same for every deployment, and the check of its response.
struct Probe {
    method: Method,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    check: fn(&Url, &Response<Bytes>) -> Result<String, String>,
}

/// Cookies that are refused as duplicates only where the deployment reads cookies of that name.
const TWICE: &str = "__Host-latchkey-access=a; __Host-latchkey-access=b";

/// The probes. Those about pages have no cookie, so that their one header decides.
const PROBES: &[Probe] = &[
    Probe { method: Method::GET, path: "/.well-known/jwks.json", headers: &[], check: checks::key_set },
    Probe {
        method: Method::GET,
        path: "/.well-known/openid-configuration",
        headers: &[],
        check: checks::discovery,
    },
    Probe { method: Method::GET, path: "/v1/session", headers: &[], check: checks::anonymous },
    Probe {
        method: Method::POST,
        path: "/v1/signout",
        headers: &[("sec-fetch-site", "cross-site")],
        check: checks::forged,
    },
    Probe {
        method: Method::POST,
        path: "/v1/signout",
        headers: &[("sec-fetch-site", "same-origin")],
        check: checks::own_page,
    },
    Probe { method: Method::GET, path: "/v1/session", headers: &[("cookie", TWICE)], check: checks::cookies },
];

/// Returns the address of `/health` over http, if the deployment uses the usual port.
fn without_tls(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let is_usual = url.scheme() == "https" && url.port().is_none();
    is_usual.then(|| format!("http://{host}{}/health", url.path().trim_end_matches('/')))
}

impl Deployment<'_> {
    async fn ask(&self, (method, path, headers): Question<'_>) -> Result<Response<Bytes>, FetchError> {
        let base = self.url.as_str().trim_end_matches('/');
        self.send(method, &format!("{base}{path}"), headers).await
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

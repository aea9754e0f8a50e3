//! oha, an HTTP client that many measure servers with.
//!
//! Our own driver takes so little that the server is all it measures. This one does what an HTTP client does for a request, as
//! the services do that ask for checks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::Result;
use crate::driver::Span;
use crate::report::Sample;
use crate::server::Server;

/// The program.
#[derive(Clone)]
pub struct Oha(PathBuf);

/// The same request each time, to be answered 200.
pub struct Request {
    /// Where, from `/`.
    pub path: &'static str,
    /// A bearer token.
    pub token: Option<String>,
    /// The JSON of a `POST`; without it, the request is a `GET`.
    pub body: Option<&'static str>,
}

/// What is read of its report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    status_code_distribution: std::collections::BTreeMap<u16, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

impl Oha {
    /// The one that `infra/setup/oha` builds, in a folder beside that of `this` program.
    pub fn beside(this: &Path) -> Self {
        Self(this.with_file_name("../oha/bin/oha"))
    }

    /// Asks `server` over `connections` connections at once.
    pub fn sample(
        &self,
        server: &Server,
        request: &Request,
        connections: usize,
        span: Span,
    ) -> Result<Sample> {
        self.run(server, request, connections, span.warm_up)?;
        let before = server.cpu_time();
        let rate = self.run(server, request, connections, span.counted)?;
        let used = before.zip(server.cpu_time()).map(|(before, after)| after.saturating_sub(before));
        Ok(Sample { rate, cpu: used.map(|used| used.as_secs_f64() / span.counted.as_secs_f64()) })
    }

    /// How many answers there were a second.
    fn run(&self, server: &Server, request: &Request, connections: usize, duration: Duration) -> Result<f64> {
        let mut command = Command::new(&self.0);
        command.args(["--no-tui", "--output-format", "json"]);
        command.args(["-c", &connections.to_string(), "-z", &format!("{}ms", duration.as_millis())]);
        if let Some(body) = request.body {
            command.args(["-m", "POST", "-T", "application/json", "-d", body]);
        }
        if let Some(token) = &request.token {
            command.args(["-H", &format!("authorization: Bearer {token}")]);
        }
        command.arg(format!("http://{}{}", server.address, request.path));
        let output = command
            .output()
            .map_err(|error| format!("oha does not run ({error}): infra/setup/oha builds it"))?;
        if !output.status.success() {
            return Err(format!("oha: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
        }
        let report: Report = serde_json::from_slice(&output.stdout)?;
        match report.status_code_distribution.keys().find(|status| **status != 200) {
            Some(status) => Err(format!("the server answered {status} under {}", request.path).into()),
            None => Ok(report.summary.requests_per_sec),
        }
    }
}

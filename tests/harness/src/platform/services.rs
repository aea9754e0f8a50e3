//! Stand-ins for the cloud: `latchkey-services` of this workspace, with a DynamoDB and an Upstash over a real Redis, both
//! empty at each start.

use serde_json::json;
use tempfile::TempDir;

use super::process::Process;
use super::{Settings, local};
use crate::{Client, Request, Result, bearer};

/// Running services.
pub struct Services {
    _process: Process,
    _home: TempDir,
    /// The variables by which a platform finds them, without its own URL.
    pub variables: Vec<(String, String)>,
}

impl Services {
    /// Starts them for a platform.
    pub fn start(settings: &Settings, platform: &str) -> Result<Self> {
        let services = local::build("latchkey-services")?;
        let home = tempfile::tempdir()?;
        let file = home.path().join("variables");
        let mut command = local::latchkey(&services, home.path());
        command.args(["--dynamodb", "127.0.0.1:0", "--upstash", "127.0.0.1:0", "--env-file"]);
        command.arg(&file);
        let log = settings.log(&format!("{platform}-services"));
        let process = Process::start(&mut command, "# Stop with", &log)?;
        let variables = std::fs::read_to_string(file)?
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| *name != "LATCHKEY_URL")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { _process: process, _home: home, variables })
    }

    /// Fails unless Redis is what counts requests to the place at `url`, and has refused none of what it was asked.
    pub fn count_for(&self, url: &str) -> Result {
        let before = self.scripts_run()?;
        sign_in_as_nobody(url)?;
        let after = self.scripts_run()?;
        ensure!(
            after > before,
            "a sign-in at {url} was not counted in Redis, which has run {before} scripts"
        );
        Ok(())
    }

    /// Fails if Redis counts requests to the place at `url`: it was to count elsewhere.
    pub fn count_nothing_for(&self, url: &str) -> Result {
        sign_in_as_nobody(url)?;
        ensure_eq!(self.scripts_run()?, 0, "scripts that Redis has run");
        Ok(())
    }

    /// Returns the number of scripts that Redis has run; nothing but the counters sends any.
    fn scripts_run(&self) -> Result<u64> {
        let stats = Request::post("/")
            .json(&json!(["INFO", "commandstats"]))
            .bearer(self.variable("UPSTASH_REDIS_REST_TOKEN"));
        let stats =
            Client::new(self.variable("UPSTASH_REDIS_REST_URL")).send(&stats)?.ok(200)?.text("result");
        let Some(line) = stats.lines().find_map(|line| line.strip_prefix("cmdstat_eval:")) else {
            return Ok(0);
        };
        let number = |name: &str| {
            let mut values = line.split(',').filter_map(|part| part.split_once('='));
            values.find(|(known, _)| *known == name).and_then(|(_, value)| value.parse::<u64>().ok())
        };
        ensure_eq!((number("rejected_calls"), number("failed_calls")), (Some(0), Some(0)), "{line}");
        number("calls")
            .ok_or_else(|| format!("Redis does not say how many scripts it has run: {line}").into())
    }

    fn variable(&self, name: &str) -> &str {
        let known = self.variables.iter().find(|(known, _)| known == name);
        known.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Whoever signs in is counted, with any password.
fn sign_in_as_nobody(url: &str) -> Result {
    let body = bearer("nobody@example.com", "violet harbour tundra");
    Client::new(url).send(&Request::post("/v1/signin").json(&body))?.problem(401, "invalid_credentials")?;
    Ok(())
}

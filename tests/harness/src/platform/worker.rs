//! One Worker on this machine, as `wrangler dev` runs it or in workerd itself.

use std::ffi::OsString;
use std::process::Command;

use super::process::{self, Process};
use crate::{Client, Result};

/// The header in which Cloudflare gives a client's address; `wrangler dev` and workerd leave it as it comes.
pub const ADDRESS: &str = "cf-connecting-ip";
/// A running Worker.
pub struct Worker {
    process: Process,
    /// The base URL.
    pub url: String,
}

/// A description of a Worker to start.
pub struct Start {
    worker: &'static str,
    variables: Vec<(String, String)>,
    arguments: Vec<OsString>,
}

impl Default for Start {
    fn default() -> Self {
        Self { worker: "infra/worker", variables: Vec::new(), arguments: Vec::new() }
    }
}

impl Start {
    /// With nothing but what suits a local try.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for the Worker of another crate than `infra/worker`.
    pub fn of_crate(self, worker: &'static str) -> Self {
        Self { worker, ..self }
    }

    /// The same with a variable.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with variables.
    pub fn vars<'a>(self, variables: impl IntoIterator<Item = &'a (String, String)>) -> Self {
        variables.into_iter().fold(self, |start, (name, value)| start.var(name, value))
    }

    /// The same with an argument of the script that starts it.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// In `wrangler dev`, by `infra/worker-dev`.
    pub fn in_wrangler(self, log: &str) -> Result<Worker> {
        let mut command = Command::new(process::root().join("infra/worker-dev"));
        command.args(["--port", "0"]);
        self.start(&mut command, log)
    }

    /// The Worker of this name, as `infra/worker-build` makes it, in workerd itself, by `tests/workers/serve.mjs`: what is in
    /// flight at once is as much as tests send, and it has answered nothing yet.
    pub fn in_workerd(self, name: &str, log: &str) -> Result<Worker> {
        let mut build = Command::new(process::root().join("infra/worker-build"));
        process::without_settings(&mut build).arg(name).env("LATCHKEY_WORKER_CRATE", self.worker);
        process::run(&mut build, "")?;
        let mut command = Command::new("node");
        command.arg(process::root().join("tests/workers/serve.mjs")).arg(name);
        self.start(&mut command, log)
    }

    fn start(self, command: &mut Command, log: &str) -> Result<Worker> {
        process::without_settings(command).args(self.arguments).envs(self.variables);
        let process = Process::start(command, "Ready at", log)?;
        let url = process.ready.split_whitespace().last().unwrap_or_default().to_owned();
        Ok(Worker { process, url })
    }
}

impl Worker {
    /// A client with an address, as Cloudflare would tell it.
    pub fn client(&self, address: &str) -> Client {
        Client::new(&self.url).with_header(ADDRESS, address)
    }

    /// The process of workerd, where it runs by itself.
    pub fn workerd(&self) -> Option<u32> {
        let line = self.process.said.lines().find_map(|line| line.strip_prefix("workerd is "))?;
        line.trim().parse().ok()
    }

    /// Waits for a line of the log that holds these in their order: it arrives a moment after the answer.
    pub fn logs(&self, parts: &[&str]) -> Result {
        let has = |log: &str| log.lines().any(|line| holds(line, parts));
        let log = self.process.log().until(has);
        ensure!(has(&log), "the log does not say {parts:?}: {log}");
        Ok(())
    }

    /// Ends it, and fails where something that it did after an answer failed, or where it aborted.
    pub fn stop_untroubled(self) -> Result {
        let log = self.process.log();
        drop(self);
        let log = log.until(|_| false);
        let trouble = log.lines().find(|line| line.contains("did not take") || line.contains("RuntimeError"));
        ensure!(trouble.is_none(), "{}", trouble.unwrap_or_default());
        Ok(())
    }
}

/// Returns whether a line holds these texts in their order.
fn holds(line: &str, parts: &[&str]) -> bool {
    let mut rest = Some(line);
    for part in parts {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, after)| after);
    }
    rest.is_some()
}

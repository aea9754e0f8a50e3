//! AWS Lambda: the functions under `cargo lambda watch`, over `latchkey-services`.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use super::process::{self, Process};
use super::services::Services;
use super::{Admin, Platform, Running, Settings};
use crate::{Client, Request, Result, bearer};

/// `cargo lambda watch`.
pub enum Lambda {
    /// Every function is a process of its own, with the counters and the cache in Upstash.
    Separate,
    /// One function has every operation, with the counters in the table: as a deployment without Upstash has them.
    All,
}

impl Platform for Lambda {
    fn name(&self) -> &'static str {
        match self {
            Self::Separate => "lambda",
            Self::All => "lambda-all",
        }
    }

    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>> {
        let services = Services::start(settings, self.name())?;
        let port = free_port()?;
        let mut watch = Command::new(process::root().join("infra/lambda-watch"));
        process::without_settings(&mut watch).args(match self {
            Self::Separate => [].as_slice(),
            Self::All => &["--all"],
        });
        watch.arg(port.to_string()).envs(settings.variables.clone());
        let variables = services.variables.iter().map(|(name, value)| (name, value));
        watch.envs(variables.filter(|(name, _)| self.with_upstash() || !name.starts_with("UPSTASH_")));
        let process = Process::start(&mut watch, "Ready at", &settings.log(self.name()))?;
        let url = process.ready.split_whitespace().last().unwrap_or_default().to_owned();
        make_admin(&url, &format!("http://localhost:{port}"), admin)?;
        Ok(Box::new(Watch { _process: process, services, url, with_upstash: self.with_upstash() }))
    }
}

impl Lambda {
    fn with_upstash(&self) -> bool {
        matches!(self, Self::Separate)
    }
}

/// A port that nothing listens on now: `cargo lambda watch` does not say which one it has found.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// As after a deployment: the operator sets it up, somebody signs up, the operator makes them the administrator.
fn make_admin(url: &str, functions: &str, admin: &Admin) -> Result {
    let functions = Client::new(functions);
    let operate = |command: Value| -> Result {
        let path = "/2015-03-31/functions/latchkey-operator/invocations";
        let answer = functions.send(&Request::post(path).json(&command))?.ok(200)?;
        ensure!(!answer.text("done").is_empty(), "{command}: {}", answer.shown());
        Ok(())
    };
    operate(json!({ "command": "setup" }))?;
    Client::new(url)
        .send(&Request::post("/v1/signup").json(&bearer(&admin.email, &admin.password)))?
        .ok(201)?;
    operate(json!({ "command": "grant", "email": admin.email, "role": "admin", "unverified": true }))
}

struct Watch {
    // It ends before what it asks.
    _process: Process,
    services: Services,
    url: String,
    with_upstash: bool,
}

impl Running for Watch {
    fn url(&self) -> &str {
        &self.url
    }

    /// `cargo lambda watch` (1.9) stands still for ever once 100 events wait for a function; four cases run at once.
    fn at_most(&self) -> usize {
        20
    }

    fn counts_in_its_store(&self) -> Result {
        if self.with_upstash {
            self.services.count_for(&self.url)
        } else {
            self.services.count_nothing_for(&self.url)
        }
    }
}

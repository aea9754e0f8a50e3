//! Cloudflare Workers: every operation in one Worker under `wrangler dev`, which is workerd with D1 and KV on this machine.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::{self, Process};
use super::services::Services;
use super::{Admin, Platform, Running, Settings, local};
use crate::Result;

/// `wrangler dev`.
pub enum Workers {
    /// With the counters in D1.
    Alone,
    /// With the counters in Upstash, of `latchkey-services`.
    WithUpstash,
}

impl Platform for Workers {
    fn name(&self) -> &'static str {
        match self {
            Self::Alone => "workers",
            Self::WithUpstash => "workers-upstash",
        }
    }

    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>> {
        let home = tempfile::tempdir()?;
        let services = match self {
            Self::Alone => None,
            Self::WithUpstash => Some(Services::start(settings, self.name())?),
        };
        // D1 is reached through wrangler alone, so the first administrator is SQL.
        let mut write = local::latchkey(&local::build("latchkey")?, home.path());
        write.args(["d1", "first-admin", &admin.email, "--password-stdin"]).envs(settings.variables.clone());
        let sql = home.path().join("first-admin.sql");
        std::fs::write(&sql, process::run(&mut write, &admin.password)?)?;

        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut dev = Command::new(root.join("infra/worker-dev"));
        process::without_settings(&mut dev).args(["--port", "0", "--sql"]).arg(&sql);
        dev.envs(settings.variables.clone());
        let upstash = services.iter().flat_map(|services| &services.variables);
        dev.envs(upstash.filter(|(name, _)| name.starts_with("UPSTASH_")).map(|(name, value)| (name, value)));
        let process = Process::start(&mut dev, "Ready at", &settings.log(self.name()))?;
        let url = process.ready.split_whitespace().last().unwrap_or_default().to_owned();
        Ok(Box::new(Dev { _process: process, services, _home: home, url }))
    }
}

struct Dev {
    _process: Process,
    services: Option<Services>,
    _home: TempDir,
    url: String,
}

impl Running for Dev {
    fn url(&self) -> &str {
        &self.url
    }

    /// Wrangler's proxy in front of the Worker drops some of a few hundred connections; four cases run at once.
    fn at_most(&self) -> usize {
        16
    }

    /// Cloudflare writes it itself; `wrangler dev` leaves it as it comes.
    fn address_header(&self) -> Option<&'static str> {
        Some("cf-connecting-ip")
    }

    fn counts_in_its_store(&self) -> Result {
        self.services.as_ref().map_or(Ok(()), |services| services.count_for(&self.url))
    }
}

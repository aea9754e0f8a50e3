//! Cloudflare Workers: every operation in one Worker over D1 and KV, on this machine.

use std::path::PathBuf;

use tempfile::TempDir;

use super::services::Services;
use super::worker::{ADDRESS, Start, Worker};
use super::{Admin, Platform, Running, Settings, local, process};
use crate::Result;

/// A Worker of every operation.
pub enum Workers {
    /// In `wrangler dev`, with the counters in D1.
    Wrangler,
    /// In `wrangler dev`, with the counters in Upstash, of `latchkey-services`.
    WithUpstash,
    /// In workerd itself, with the counters in D1.
    Workerd,
}

impl Platform for Workers {
    fn name(&self) -> &'static str {
        match self {
            Self::Wrangler => "workers",
            Self::WithUpstash => "workers-upstash",
            Self::Workerd => "workerd",
        }
    }

    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>> {
        let home = tempfile::tempdir()?;
        let mut start = Start::new().vars(&settings.variables).arg("--sql").arg(first_admin(&home, admin)?);
        let services = match self {
            Self::Wrangler | Self::Workerd => None,
            Self::WithUpstash => Some(Services::start(settings, self.name())?),
        };
        let upstash = services.iter().flat_map(|services| &services.variables);
        start = start.vars(upstash.filter(|(name, _)| name.starts_with("UPSTASH_")));
        let log = settings.log(self.name());
        let worker = match self {
            Self::Wrangler | Self::WithUpstash => start.in_wrangler(&log)?,
            Self::Workerd => start.in_workerd("all", &log)?,
        };
        let at_most = match self {
            // Wrangler's proxy in front of the Worker drops some of a few hundred connections; four cases run at once.
            Self::Wrangler | Self::WithUpstash => 16,
            // With 200 on a busy machine workerd ends some of the connections before it has looked at them.
            Self::Workerd => 100,
        };
        Ok(Box::new(Dev { worker, services, _home: home, at_most }))
    }
}

/// SQL of the first administrator and the initial roles: D1 is reached through wrangler alone.
pub fn first_admin(home: &TempDir, admin: &Admin) -> Result<PathBuf> {
    let mut write = local::latchkey(&local::build("latchkey")?, home.path());
    write.args(["d1", "first-admin", &admin.email, "--password-stdin"]);
    write.envs([("LATCHKEY_ARGON2", "m=8,t=1,p=1"), ("LATCHKEY_ALLOW_WEAK_HASHES", "yes")]);
    let sql = home.path().join("first-admin.sql");
    std::fs::write(&sql, process::run(&mut write, &admin.password)?)?;
    Ok(sql)
}

struct Dev {
    worker: Worker,
    services: Option<Services>,
    _home: TempDir,
    at_most: usize,
}

impl Running for Dev {
    fn url(&self) -> &str {
        &self.worker.url
    }

    fn at_most(&self) -> usize {
        self.at_most
    }

    fn address_header(&self) -> Option<&'static str> {
        Some(ADDRESS)
    }

    fn counts_in_its_store(&self) -> Result {
        self.services.as_ref().map_or(Ok(()), |services| services.count_for(&self.worker.url))
    }
}

//! What stands in for the cloud: `latchkey services` of this workspace, with a DynamoDB and an Upstash over a real Redis, both
//! empty at each start.

use tempfile::TempDir;

use super::process::Process;
use super::{Settings, local};
use crate::failure::Result;

/// Running services.
pub struct Services {
    _process: Process,
    _home: TempDir,
    /// What a platform needs to find them. Where the platform itself is, it knows better.
    pub variables: Vec<(String, String)>,
}

impl Services {
    /// Starts them for a platform.
    pub fn start(settings: Settings, platform: &str) -> Result<Self> {
        let latchkey = local::build(&["--features", "services"])?;
        let home = tempfile::tempdir()?;
        let file = home.path().join("variables");
        let mut command = local::latchkey(&latchkey, home.path());
        command.args(["services", "--dynamodb", "127.0.0.1:0", "--upstash", "127.0.0.1:0", "--env-file"]);
        command.arg(&file);
        let log = settings.named(&format!("{platform}-services"));
        let process = Process::start(&mut command, "# Stop with", &log)?;
        let variables = std::fs::read_to_string(file)?
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| *name != "LATCHKEY_URL")
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { _process: process, _home: home, variables })
    }
}

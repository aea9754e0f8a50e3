//! The local server: the `latchkey` command of this workspace, built as it is now, over a SQLite file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::{self, Process};
use super::{Admin, Platform, Running, Settings};
use crate::{Failure, Result};

/// The local server.
pub struct Local;

impl Platform for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn start(&self, settings: &Settings, admin: &Admin) -> Result<Box<dyn Running>> {
        let binary = build("latchkey")?;
        let home = tempfile::tempdir()?;
        let mut command = latchkey(&binary, home.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).envs(settings.variables.clone());
        let process = Process::start(&mut command, "Latchkey is at", &settings.log("local"))?;
        let url = process.ready.split_whitespace().last().unwrap_or_default().to_owned();
        let mut add = latchkey(&binary, home.path());
        add.args(["users", "add", &admin.email, "--role", "admin", "--password-stdin"]);
        process::run(&mut add, &admin.password)?;
        Ok(Box::new(Server { _process: process, _home: home, url }))
    }
}

struct Server {
    _process: Process,
    _home: TempDir,
    url: String,
}

impl Running for Server {
    fn url(&self) -> &str {
        &self.url
    }
}

/// The command in a folder of its own, without any setting of whoever runs the suite.
pub(super) fn latchkey(binary: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary);
    process::without_settings(&mut command).current_dir(home);
    command
}

/// Builds the command of the package of this name, and gives its path.
pub fn build(package: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    process::without_settings(&mut command)
        .args(["build", "-p", package, "--bin", package])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output()?;
    let built = String::from_utf8_lossy(&output.stdout);
    let mut executable = built.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executable.next_back().ok_or_else(|| Failure::from(format!("cargo built no {package}")))
}

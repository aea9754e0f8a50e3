//! One core for the server, another for the driver.

use std::process::{Command, Stdio};

/// Where processes run.
pub struct Cores {
    server: Option<String>,
}

impl Cores {
    /// Moves this process to the second core it may use and keeps the first for the server. To be called before there is
    /// a second thread. Without `taskset`, or with one core, everything shares what there is.
    pub fn split() -> Self {
        let allowed = allowed();
        let (Some(server), Some(driver)) = (allowed.first(), allowed.get(1)) else {
            return Self { server: None };
        };
        let moved = Command::new("taskset")
            .args(["--cpu-list", "--pid", driver, &std::process::id().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self { server: moved.is_ok_and(|status| status.success()).then(|| server.clone()) }
    }

    /// A command that runs where the server runs.
    pub fn server_command(&self, program: &std::path::Path) -> Command {
        match &self.server {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", core]).arg(program);
                command
            }
            None => Command::new(program),
        }
    }

    /// For the report.
    pub fn describe(&self) -> &'static str {
        match self.server {
            Some(_) => "one core for the server, one for the driver (taskset)",
            None => "not pinned: taskset is missing, or there is one core only; the ratios say less",
        }
    }
}

/// The cores that this process may use, one by one.
fn allowed() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    list.trim()
        .split(',')
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
        })
        .flatten()
        .map(|core| core.to_string())
        .collect()
}

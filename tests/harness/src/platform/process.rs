//! A place that is a process, or a script with processes of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::{Failure, Result};

/// A running process. When it is dropped it is asked to end (SIGTERM), with every process of its group, and waited for.
pub struct Process {
    child: Child,
    /// The line that said that it is ready.
    pub ready: String,
}

impl Process {
    /// Starts it in a process group of its own, and reads its output up to the line that holds `ready`. What it writes to
    /// standard error goes to `target/harness/LOG.log`, and stays there.
    pub fn start(command: &mut Command, ready: &str, log: &str) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let named = format!("{command:?}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/harness");
        std::fs::create_dir_all(&folder)?;
        let log = folder.join(format!("{log}.log"));
        let stderr = File::create(&log)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::from(format!("{named}: no output")))?;
        let mut stdout = BufReader::new(stdout);
        // From here on it ends however this ends.
        let mut process = Self { child, ready: String::new() };
        while !process.ready.contains(ready) {
            process.ready.clear();
            if stdout.read_line(&mut process.ready)? == 0 {
                let why = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("{named} ended before it said `{ready}`: {why}").into());
            }
        }
        // It may go on writing.
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if cfg!(unix) {
            // The group's id is that of its first process. It may have ended by itself.
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-s", "TERM", "--", &group]).stderr(Stdio::null()).status();
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The command without any setting of Latchkey's that whoever runs the suite may have.
pub fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["LATCHKEY_", "UPSTASH_", "MAIL_"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end with something to read, and gives what it printed.
pub fn run(command: &mut Command, stdin: &str) -> Result<String> {
    let named = format!("{command:?}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A command that refuses to start reads nothing.
        let _ = input.write_all(stdin.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{named} ended with {}: {said}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

//! A place that is a process, or a script with processes of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::failure::{Failure, Result};

/// A running process. When it is dropped it is asked to end (SIGTERM), with every process of its group, and waited for.
pub struct Process {
    child: Child,
    /// Kept, so that the process can go on writing.
    stdout: BufReader<ChildStdout>,
    /// The line that said that it is ready.
    pub ready: String,
}

impl Process {
    /// Starts it in a process group of its own, and reads its output up to the line that holds `ready`.
    pub fn start(command: &mut Command, ready: &str) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let named = format!("{command:?}");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::from(format!("{named}: no output")))?;
        let mut process = Self { child, stdout: BufReader::new(stdout), ready: String::new() };
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if process.stdout.read_line(&mut line)? == 0 {
                return Err(format!("{named} ended before it said `{ready}`: {said}").into());
            }
            if line.contains(ready) {
                line.trim().clone_into(&mut process.ready);
                return Ok(process);
            }
            said.push_str(&line);
        }
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

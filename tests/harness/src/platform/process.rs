//! A place that is a process, or a script with processes of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Result;

/// The longest silence of a log before a wait for one of its lines ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running process. When it is dropped it is asked to end (SIGTERM), with every process of its group, and waited for.
pub struct Process {
    child: Child,
    /// The line that said that it is ready.
    pub ready: String,
    /// The lines before that one.
    pub said: String,
    log: Arc<Log>,
}

/// The standard error of a process.
#[derive(Default)]
pub struct Log {
    text: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Log {
    /// Takes lines, and copies them to a file, until there are no more.
    fn read(&self, stderr: ChildStderr, mut file: File) {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        while stderr.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let _ = file.write_all(&line);
            self.text().0.push_str(&String::from_utf8_lossy(&line));
            self.changed.notify_all();
            line.clear();
        }
        self.text().1 = true;
        self.changed.notify_all();
    }

    fn text(&self) -> MutexGuard<'_, (String, bool)> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `enough` of it is there or its process has ended, and returns all of it so far.
    pub fn until(&self, enough: impl Fn(&str) -> bool) -> String {
        let mut text = self.text();
        while !text.1 && !enough(&text.0) {
            let waited = self.changed.wait_timeout(text, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            text = waited.0;
            if waited.1.timed_out() {
                break;
            }
        }
        text.0.clone()
    }
}

impl Process {
    /// Starts it in a process group of its own, and reads its output up to the line that holds `ready`. What it writes to
    /// standard error goes to `target/harness/LOG.log` too, and stays there. Its input ends with this process, however that ends.
    pub fn start(command: &mut Command, ready: &str, log: &str) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let named = format!("{command:?}");
        let folder = root().join("target/harness");
        std::fs::create_dir_all(&folder)?;
        let file = File::create(folder.join(format!("{log}.log")))?;
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().map_err(|error| format!("{named}: {error}"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // From here on it ends however this ends.
        let mut process = Self { child, ready: String::new(), said: String::new(), log: Arc::default() };
        let log = Arc::clone(&process.log);
        thread::spawn(move || stderr.map(|stderr| log.read(stderr, file)));
        let mut stdout = BufReader::new(stdout.ok_or_else(|| format!("{named}: no output"))?);
        while !process.ready.contains(ready) {
            process.said.push_str(&process.ready);
            process.ready.clear();
            if stdout.read_line(&mut process.ready)? == 0 {
                let why = process.log.until(|_| false);
                return Err(format!("{named} ended before it said `{ready}`: {why}").into());
            }
        }
        // It may go on writing.
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Ok(process)
    }

    /// Returns its standard error.
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
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

/// The root of the repository.
pub fn root() -> &'static Path {
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    Path::new(ROOT)
}

/// The beginnings of the names of variables that the service reads.
const READ: [&str; 10] = [
    "LATCHKEY_",
    "UPSTASH_",
    "MAIL_",
    "OIDC_",
    "GOOGLE_",
    "GITHUB_",
    "DISCORD_",
    "LINKEDIN_",
    "MICROSOFT_",
    "APPLE_",
];

/// The variables of this process that the service would read.
pub fn settings() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| READ.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// The beginnings of the names of variables that cargo sets for a test. The build script of ring asks for them, so that a cargo
/// which inherits them builds ring again, and all that stands on it.
const OF_CARGO: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The command without any setting of Latchkey's that whoever runs the tests may have, and with cargo's variables as outside of
/// a test.
pub fn without_settings(command: &mut Command) -> &mut Command {
    let begins = |name: &str| READ.iter().chain(&OF_CARGO).any(|prefix| name.starts_with(prefix));
    let names = std::env::vars().map(|(name, _)| name).filter(|name| begins(name));
    names.fold(command, |command, name| command.env_remove(name))
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

//! Runs the binary: once and done, or as a server until it is stopped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_latchkey");

/// A folder in which commands run, with the data folder that they share, and the variables that they see: no others, so
/// that whoever runs the tests may have Latchkey's own set.
pub struct Home {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// What a command that ended has said.
#[derive(Debug)]
pub struct Said {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    /// With no limits and cheap password hashes.
    pub fn new() -> Self {
        Self::plain().with("LATCHKEY_LIMITS", "off").with("LATCHKEY_ARGON2", "m=8,t=1,p=1")
    }

    /// With every default but the port, which the system chooses.
    pub fn plain() -> Self {
        let home = Self { folder: TempDir::new().unwrap(), variables: BTreeMap::new() };
        // A panic then shows a backtrace, which no output may have.
        home.with("LATCHKEY_LISTEN", "127.0.0.1:0").with("RUST_BACKTRACE", "1")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the data is unless a variable says otherwise.
    pub fn data(&self) -> PathBuf {
        self.path().join("latchkey-data")
    }

    /// Any program in this home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.variables);
        command
    }

    /// Runs `latchkey` with these arguments to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// The same, with something to read.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Said {
        let mut command = self.command(BINARY);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses to start reads nothing, which makes this write fail.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Said::from(child.wait_with_output().unwrap())
    }

    /// Makes an account with the tests' password.
    pub fn add(&self, email: &str, options: &[&str]) {
        let arguments = [&["users", "add", email, "--password-stdin"], options].concat();
        self.run_with(&arguments, crate::http::PASSWORD).succeeded();
    }

    /// Starts the server and waits until it says that it is there.
    pub fn serve(&self) -> Server {
        self.start(self.command(BINARY))
    }

    /// The same with these arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(BINARY);
        command.args(arguments);
        self.start(command)
    }

    /// The same by a script of the shell, which gets the program as `$0`.
    pub fn serve_by(&self, script: &str) -> Server {
        let mut command = self.command("sh");
        command.args(["-c", script, BINARY]);
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.ends_with("Stop with Ctrl-C.\n") {
            if stdout.read_line(&mut greeting).unwrap() == 0 {
                let log = std::fs::read_to_string(self.log()).unwrap();
                panic!("the server ended before it was there: {greeting}{log}");
            }
        }
        let url = greeting.lines().next().and_then(|line| line.split_whitespace().last()).unwrap().to_owned();
        Server { process, stdout, greeting, url }
    }

    /// What servers of this home wrote to standard error.
    pub fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// Writes a file in this home's data folder.
    pub fn write_data(&self, name: &str, content: &[u8]) {
        std::fs::create_dir_all(self.data()).unwrap();
        File::create(self.data().join(name)).unwrap().write_all(content).unwrap();
    }
}

impl From<std::process::Output> for Said {
    fn from(output: std::process::Output) -> Self {
        Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Its output, which went well.
    pub fn succeeded(self) -> String {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:?}");
        self.stdout
    }

    /// Its one line of complaint, with `parts` in it.
    pub fn refused(self, parts: &[&str]) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.matches('\n').count(), 1, "one line: {self:?}");
        assert!(self.stderr.starts_with("latchkey: "), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing: {self:?}");
        }
        self.stderr
    }
}

/// A server that runs; killed when the test ends, however it ends.
pub struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed when it was there.
    pub greeting: String,
    /// Where it is.
    pub url: String,
}

impl Server {
    /// Sends a signal by its name, and gives what became of the process and what else it printed.
    pub fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        let kill = format!("kill -s {signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }

    /// The end that no process can prepare for.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Runs the binary: as a command that ends, or as a server until it is stopped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_latchkey");

/// A folder in which commands run, with a shared data folder and with the only variables that they see.
/// Variables of the tests' own environment do not reach them.
pub struct Home {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// Output of an ended command.
#[derive(Debug)]
pub struct Said {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    /// Creates a home without limits and with cheap password hashes.
    pub fn new() -> Self {
        Self::plain().with("LATCHKEY_LIMITS", "off").with("LATCHKEY_ARGON2", "m=8,t=1,p=1")
    }

    /// Creates a home with every default except the port, which the system chooses.
    pub fn plain() -> Self {
        let home = Self { folder: TempDir::new().unwrap(), variables: BTreeMap::new() };
        // With this variable a panic prints a backtrace, which the tests reject in any output.
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

    /// Returns the default data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("latchkey-data")
    }

    /// Returns a command for any program in this home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.variables);
        command
    }

    /// Runs `latchkey` with these arguments until it ends.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// Runs `latchkey` with these arguments and this standard input.
    pub fn run_with(&self, arguments: &[&str], stdin: &str) -> Said {
        let mut command = self.command(BINARY);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses to start reads nothing, so this write fails.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Said::from(child.wait_with_output().unwrap())
    }

    /// Creates an account with the tests' password.
    pub fn add(&self, email: &str, options: &[&str]) {
        let arguments = [&["users", "add", email, "--password-stdin"], options].concat();
        self.run_with(&arguments, crate::http::PASSWORD).succeeded();
    }

    /// Starts the server and waits for its greeting.
    pub fn serve(&self) -> Server {
        self.start(self.command(BINARY))
    }

    /// Starts the server with these arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(BINARY);
        command.args(arguments);
        self.start(command)
    }

    /// Starts the server by a shell script, which gets the program as `$0`.
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

    /// Returns the path of the log with the standard error of this home's servers.
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
    /// Returns the output, after checking that the command succeeded.
    pub fn succeeded(self) -> String {
        assert!(self.status.success() && self.stderr.is_empty(), "{self:?}");
        self.stdout
    }

    /// Returns the single error line, after checking that it contains `parts`.
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

/// A running server. It is killed when the test ends, even by a panic.
pub struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    /// Greeting on standard output.
    pub greeting: String,
    /// URL of the server.
    pub url: String,
}

impl Server {
    /// Sends a signal by its name. Returns the exit status of the process and its remaining output.
    pub fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        let kill = format!("kill -s {signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }

    /// Kills the process, which it cannot prepare for.
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

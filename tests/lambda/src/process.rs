use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use tokio::process::{Child, Command};

/// What Lambda sets for every function.
pub const ENVIRONMENT: [(&str, &str); 7] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "emulated"),
    ("AWS_SESSION_TOKEN", "emulated"),
];

/// A function as a process of its own, which ends with this.
pub struct FunctionProcess {
    child: Child,
    /// When it was started.
    pub started: Instant,
}

impl FunctionProcess {
    /// Starts `program` with these arguments and variables, and those that Lambda sets, alone.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        runtime_api: &str,
        variables: &[(String, String)],
    ) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(ENVIRONMENT)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]
        let started = Instant::now();
        let child = command.spawn().expect("the function can be started");
        Self { child, started }
    }

    /// The most memory that it ever had resident, in bytes (`VmHWM`); none where there is no `/proc`.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
    }

    /// Waits for its end: its status, its standard output and its standard error.
    pub async fn end(self) -> (ExitStatus, String, String) {
        let output = self.child.wait_with_output().await.expect("a child of ours can be waited for");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    /// Ends it now, and gives what it has written.
    pub async fn stop(mut self) -> (String, String) {
        self.child.start_kill().expect("a child of ours can be ended");
        let (_, stdout, stderr) = self.end().await;
        (stdout, stderr)
    }
}

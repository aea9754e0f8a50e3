//! Routes of the functions, as the functions report them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::table::{Operations, Platform};

/// A route.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Description of the callers that it admits.
    pub(crate) access: String,
}

/// The output of the example `describe` of functions/all.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    /// Routes by operation. Those that only the function of all operations has are under `all`.
    routes: BTreeMap<String, Vec<Route>>,
    /// The OpenAPI document.
    pub(crate) openapi: String,
}

impl Described {
    /// Builds the functions and reads their routes.
    pub(crate) fn read(root: &Path, operations: &Operations) -> Result<Self, Error> {
        let program = build(root)?;
        let output = Command::new(&program)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Error::Other(format!("{}: {error}", program.display())))?;
        let described: Self = serde_json::from_slice(&output.stdout).map_err(|error| {
            Error::Other(format!("{} printed something else: {error}", program.display()))
        })?;
        for operation in operations.on(Platform::All) {
            if described.of(&operation.name).is_empty() {
                return Err(Error::Other(format!(
                    "functions/{name} has no route; give it one, or set its caller in [{name}] of \
                     functions/operations.toml",
                    name = operation.name
                )));
            }
        }
        Ok(described)
    }

    /// Returns the routes of an operation, in the order of its crate.
    pub(crate) fn of(&self, operation: &str) -> &[Route] {
        self.routes.get(operation).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Builds the example and returns its path. The features are those of the whole workspace, so that the build
/// shares everything with `cargo test --workspace`.
fn build(root: &Path) -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--example",
            "describe",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::Other(format!("cargo does not run: {error}")))?;
    if !output.status.success() {
        return Err(Error::Other("the functions do not build; fix the errors above".to_owned()));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message.pointer("/target/name").and_then(Value::as_str) == Some("describe");
        message.get("executable").filter(|_| is_it)?.as_str().map(PathBuf::from)
    });
    executable.ok_or_else(|| Error::Other("cargo built no example `describe` in functions/all".to_owned()))
}

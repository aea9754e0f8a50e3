//! Configuration of the local server: the environment, then a `.env` file, then defaults that only a local
//! server may assume.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;

use latchkey_core::Config;
use latchkey_core::config::{ConfigError, Exposure, variables};
use latchkey_core::port::Entropy;

use crate::data::{DataError, DataPlan};
use crate::dotenv;
use crate::serve::{Timeouts, connections};

/// Name of the file.
const FILE: &str = ".env";

/// Reason that there is no valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Variables are wrong or missing. The error lists all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nlatchkey: "))]
    Config(Vec<ConfigError>),
    /// The `.env` file has mistakes. The error lists all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nlatchkey: "))]
    DotEnv(Vec<dotenv::Mistake>),
    /// The values of these variables are not UTF-8.
    #[error("{}", .0.iter().map(|name| format!("{name}: is not UTF-8; set it to text, such as base64")).collect::<Vec<_>>().join("\nlatchkey: "))]
    NotText(Vec<String>),
    /// The secret cannot be read or created.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Settings of the local server.
pub struct ServerSettings {
    /// Settings of the service on any platform.
    pub config: Config,
    /// Maximum number of connections at one moment.
    pub connections: usize,
    /// Time limits for clients.
    pub timeouts: Timeouts,
    /// Secret to store in the data folder if `LATCHKEY_SECRET` is not set.
    pub own_secret: Option<String>,
}

/// Reads the configuration. `listen` is the server's address, from which a default URL follows.
pub fn read(
    data: &DataPlan,
    listen: SocketAddr,
    entropy: &dyn Entropy,
) -> Result<ServerSettings, SettingsError> {
    let environment = Environment::read()?;
    let set = |name: &str| environment.get(name);
    let own_secret = match set("LATCHKEY_SECRET") {
        Some(_) => None,
        None => Some(data.secret(entropy)?),
    };
    let url = set("LATCHKEY_URL").or_else(|| assumed_url(listen));
    let var = |name: &str| match name {
        "LATCHKEY_SECRET" => own_secret.clone().or_else(|| set(name)),
        "LATCHKEY_URL" => url.clone(),
        other => set(other),
    };
    let config = Config::read(var, Exposure::Local);
    let timeouts = Timeouts::read(set);
    let connections = connections(set("LATCHKEY_CONNECTIONS").as_deref());
    match (config, timeouts, connections) {
        (Ok(config), Ok(timeouts), Ok(connections)) => {
            Ok(ServerSettings { config, connections, timeouts, own_secret })
        }
        (config, timeouts, connections) => {
            let mut wrong = config.err().unwrap_or_default();
            wrong.extend(timeouts.err().unwrap_or_default());
            wrong.extend(connections.err());
            Err(SettingsError::Config(wrong))
        }
    }
}

/// Returns the default URL. A server that only this machine can reach is at localhost; any other must be
/// given its URL.
fn assumed_url(listen: SocketAddr) -> Option<String> {
    listen.ip().is_loopback().then(|| format!("http://localhost:{}", listen.port()))
}

/// The environment, and as its fallback the `.env` file of the working directory.
pub struct Environment {
    file: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the file, and checks that every variable of Latchkey is text. Warns of variables with similar
    /// names.
    pub fn read() -> Result<Self, SettingsError> {
        let file = match std::fs::read(FILE) {
            Ok(bytes) => dotenv::parse(&bytes).map_err(SettingsError::DotEnv)?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(SettingsError::DotEnv(vec![dotenv::Mistake::file(&error)])),
        };
        let (mut names, mut unreadable) = (Vec::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if variables::is_ours(&name) && value.to_str().is_none() {
                unreadable.push(name.clone());
            }
            names.push(name);
        }
        if !unreadable.is_empty() {
            return Err(SettingsError::NotText(unreadable));
        }
        for text in variables::misspelt(names.iter().chain(file.keys()).map(String::as_str)) {
            tracing::warn!("{text}");
        }
        Ok(Self { file })
    }

    /// Returns the value of a variable. An empty value counts as missing.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var(name).ok().or_else(|| self.file.get(name).cloned());
        value.filter(|value| !value.trim().is_empty())
    }
}

//! The configuration of the local server: the environment, then a `.env` file, then what only this machine may assume.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use latchkey_core::Config;
use latchkey_core::config::{ConfigError, Place};
use latchkey_core::port::Entropy;

use crate::data::{DataError, DataFolder};
use crate::serve::{Timeouts, connections};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Variables are wrong or missing: all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nlatchkey: "))]
    Config(Vec<ConfigError>),
    /// The `.env` file cannot be read.
    #[error(".env: {0}; write lines such as NAME=value")]
    DotEnv(String),
    /// The secret cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// The settings of the local server.
pub struct Settings {
    /// Of the service, on any platform.
    pub config: Config,
    /// The most connections at once.
    pub connections: usize,
    /// How long clients may take.
    pub timeouts: Timeouts,
}

/// Reads the configuration. `listen` is where the server listens, for the address that it assumes.
pub fn read(data: &DataFolder, listen: SocketAddr, entropy: &dyn Entropy) -> Result<Settings, SettingsError> {
    let file = dot_env(Path::new(".env"))?;
    let set = |name: &str| {
        std::env::var(name).ok().or_else(|| file.get(name).cloned()).filter(|v| !v.trim().is_empty())
    };
    let secret = match set("LATCHKEY_SECRET") {
        Some(secret) => secret,
        None => data.secret(entropy)?,
    };
    let url = set("LATCHKEY_URL").or_else(|| assumed_url(listen));
    let var = |name: &str| match name {
        "LATCHKEY_SECRET" => Some(secret.clone()),
        "LATCHKEY_URL" => url.clone(),
        other => set(other),
    };
    let config = Config::read(var, Place::Local);
    let timeouts = Timeouts::read(set);
    let connections = connections(set("LATCHKEY_CONNECTIONS").as_deref());
    match (config, timeouts, connections) {
        (Ok(config), Ok(timeouts), Ok(connections)) => Ok(Settings { config, connections, timeouts }),
        (config, timeouts, connections) => {
            let mut wrong = config.err().unwrap_or_default();
            wrong.extend(timeouts.err().unwrap_or_default());
            wrong.extend(connections.err());
            Err(SettingsError::Config(wrong))
        }
    }
}

/// A server that only this machine reaches is at localhost; one that others reach must be told its address.
fn assumed_url(listen: SocketAddr) -> Option<String> {
    listen.ip().is_loopback().then(|| format!("http://localhost:{}", listen.port()))
}

fn dot_env(path: &Path) -> Result<HashMap<String, String>, SettingsError> {
    match dotenvy::from_path_iter(path) {
        Ok(pairs) => pairs.collect::<Result<_, _>>().map_err(|error| SettingsError::DotEnv(line(&error))),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(SettingsError::DotEnv(line(&error))),
    }
}

/// Which line is wrong, without its text, which may be a secret.
fn line(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(_, column) => format!("a line cannot be read (at character {column})"),
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "it cannot be read".to_owned(),
    }
}

//! Settings and their faults.

use url::Url;

/// Fault of one variable, and its fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}; {fix}")]
pub struct ConfigError {
    /// Name of the variable.
    pub variable: &'static str,
    /// Fault, without the value if it is secret.
    pub problem: String,
    /// Fix.
    pub fix: String,
}

impl ConfigError {
    /// Returns the fault of `variable`: the problem and its fix.
    pub fn new(variable: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { variable, problem: problem.into(), fix: fix.into() }
    }
}

/// Reachability of a service. Some settings are allowed only on a local machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// On a local machine.
    Local,
    /// Reachable by others.
    Deployed,
}

/// Returns true if `url` names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

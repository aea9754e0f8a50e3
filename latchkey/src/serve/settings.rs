//! Limits of the server: `LATCHKEY_CONNECTIONS` and the timeouts.

use std::time::Duration;

use latchkey_core::config::ConfigError;

/// Maximum number of connections, whatever the limit on descriptors.
const MOST_CONNECTIONS: usize = 4096;
/// Number of descriptors that are reserved for the database, the log and requests to providers.
const OTHER_DESCRIPTORS: usize = 32;

/// Time limits for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Time from the first byte of a request to the end of its headers: `LATCHKEY_HEADER_TIMEOUT`.
    pub header: Duration,
    /// Time from the first byte of a request to the end of its body, and again for its response:
    /// `LATCHKEY_REQUEST_TIMEOUT`.
    pub request: Duration,
    /// Time between two requests: `LATCHKEY_IDLE_TIMEOUT`.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// Returns an idle timeout longer than that of reverse proxies: nginx ends an idle connection after 60 s,
    /// Traefik after 90 s, Caddy after 120 s. If the server ended it first, the proxy could send a request on
    /// it at the same moment.
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            request: Duration::from_secs(30),
            idle: Duration::from_secs(125),
        }
    }
}

impl Timeouts {
    /// Reads the variables. Returns all mistakes at once.
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let default = Self::default();
        let mut wrong = Vec::new();
        let mut read = |name: &'static str, default| {
            let Some(text) = var(name) else { return default };
            seconds(text.trim()).unwrap_or_else(|| {
                wrong.push(ConfigError::new(
                    name,
                    format!("`{text}` is not a time"),
                    "use 1s to 60m, such as 125s",
                ));
                default
            })
        };
        let timeouts = Self {
            header: read("LATCHKEY_HEADER_TIMEOUT", default.header),
            request: read("LATCHKEY_REQUEST_TIMEOUT", default.request),
            idle: read("LATCHKEY_IDLE_TIMEOUT", default.idle),
        };
        if wrong.is_empty() { Ok(timeouts) } else { Err(wrong) }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        _ => return None,
    };
    let seconds = count.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=3600).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// Reads `LATCHKEY_CONNECTIONS`.
pub fn connections(value: Option<&str>) -> Result<usize, ConfigError> {
    let most =
        descriptors().map_or(usize::MAX, |descriptors| descriptors.saturating_sub(OTHER_DESCRIPTORS)).max(1);
    let Some(text) = value else { return Ok(default_connections()) };
    text.trim().parse().ok().filter(|count| (1..=most).contains(count)).ok_or_else(|| {
        ConfigError::new(
            "LATCHKEY_CONNECTIONS",
            format!("`{text}` is not a number from 1 to {most}"),
            "use a smaller number, or raise the limit on open files (`ulimit -n`)",
        )
    })
}

/// Returns the default number of connections: as many as the descriptors allow.
pub(super) fn default_connections() -> usize {
    match descriptors() {
        Some(descriptors) => {
            let free = descriptors.saturating_sub(OTHER_DESCRIPTORS);
            free.max(descriptors / 4).clamp(1, MOST_CONNECTIONS)
        }
        None => MOST_CONNECTIONS,
    }
}

/// Returns the number of files and sockets that this process may open, or `None` without a limit.
fn descriptors() -> Option<usize> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::Nofile).current.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }
    #[cfg(not(unix))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_or_minutes_up_to_an_hour() {
        for (text, secs) in [("1s", 1), ("125s", 125), ("2m", 120), ("60m", 3600)] {
            assert_eq!(seconds(text), Some(Duration::from_secs(secs)), "{text}");
        }
        for text in
            ["", "s", "0s", "61m", "3601s", "1h", "1", "+1s", "1.5s", "1 s", "é", "99999999999999999999s"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn every_timeout_that_is_wrong_is_named() {
        let wrong = Timeouts::read(|name| (name != "LATCHKEY_REQUEST_TIMEOUT").then(|| "soon".to_owned()));
        let names: Vec<_> = wrong.unwrap_err().into_iter().map(|error| error.variable).collect();
        assert_eq!(names, ["LATCHKEY_HEADER_TIMEOUT", "LATCHKEY_IDLE_TIMEOUT"]);
        assert_eq!(Timeouts::read(|_| None), Ok(Timeouts::default()));
    }

    #[test]
    fn more_connections_than_descriptors_are_refused() {
        assert_eq!(connections(Some("2")), Ok(2));
        for text in ["0", "-1", "many", "99999999999999"] {
            let error = connections(Some(text)).unwrap_err().to_string();
            assert!(error.starts_with("LATCHKEY_CONNECTIONS: ") && error.contains("ulimit"), "{error}");
        }
        assert!(connections(None).unwrap() >= 1);
    }
}

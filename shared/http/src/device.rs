//! Device cookies: they tell which accounts a browser signed in to before.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use cookie::SameSite;
use latchkey_core::account::{DEVICE_LIFETIME, Device, Devices};
use latchkey_core::config::PublicUrl;
use latchkey_core::session::{NewSession, Transport};
use latchkey_core::{Config, Email};

use crate::{App, cookies};

/// Maximum number of accounts that one browser is remembered for. One more replaces the one that expires
/// first.
pub const MAX_DEVICE_COOKIES: usize = 8;

/// Device cookies of a request, one for each account that the browser signed in to, as pairs of a name suffix
/// and a value. The suffix tells accounts apart. Several cookies of one name are allowed: a forged one is
/// ignored.
pub struct DeviceCookies {
    values: Vec<(String, Vec<u8>)>,
    devices: Arc<Devices>,
    config: Arc<Config>,
}

impl FromRequestParts<App> for DeviceCookies {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let (devices, config) = (Arc::from_ref(app), Arc::<Config>::from_ref(app));
        let prefix = prefix(&config.url);
        let suffix = |name: &[u8]| {
            let suffix = std::str::from_utf8(name.strip_prefix(prefix.as_bytes())?).ok()?;
            Device::is_cookie_suffix(suffix).then(|| suffix.to_owned())
        };
        let values = cookies::pairs(&parts.headers)
            .filter_map(|(name, value)| Some((suffix(name)?, value.to_owned())))
            .collect();
        Ok(Self { values, devices, config })
    }
}

impl DeviceCookies {
    /// Returns the device if this browser signed in to an account of `email` before.
    pub fn of(&self, email: &Email) -> Option<Device> {
        self.values.iter().find_map(|(_, value)| self.devices.known(value, email))
    }

    /// Remembers the browser of a new session that holds its tokens in cookies. If randomness is unavailable,
    /// the browser is not remembered, but the sign-in still succeeds.
    pub fn remember(&self, begun: &NewSession, headers: &mut HeaderMap) {
        if begun.session.transport != Transport::Cookie {
            return;
        }
        let (email, url) = (&begun.user.email, &self.config.url);
        let cookie = match self.devices.remember(self.of(email).as_ref(), &begun.user) {
            Ok(cookie) => cookie,
            Err(error) => {
                tracing::warn!(%error, "a browser is not remembered");
                return;
            }
        };
        let suffix = self.devices.cookie_suffix(email);
        for excess in self.in_excess(&suffix, email) {
            append(headers, excess, "", Duration::ZERO, url);
        }
        append(headers, &suffix, &cookie, DEVICE_LIFETIME, url);
    }

    /// Returns the suffixes of the cookies to remove when the cookie with `suffix` is set: another cookie of
    /// this account, and those above the maximum that expire first.
    fn in_excess(&self, suffix: &str, email: &Email) -> Vec<&str> {
        let is_of_account = |value: &[u8]| self.devices.known(value, email).is_some();
        let others = self.values.iter().filter(|(other, _)| other != suffix);
        let (mut excess, mut others): (Vec<_>, Vec<_>) = others.partition(|(_, value)| is_of_account(value));
        others.sort_by_key(|(_, value)| Device::claimed_end(value));
        let beyond = others.len().saturating_sub(MAX_DEVICE_COOKIES - 1);
        excess.extend(others.into_iter().take(beyond));
        excess.into_iter().map(|(other, _)| other.as_str()).collect()
    }
}

/// Returns the beginning of the names of all device cookies.
fn prefix(url: &PublicUrl) -> String {
    format!("{}device-", url.cookie_prefix())
}

fn append(headers: &mut HeaderMap, suffix: &str, value: &str, lifetime: Duration, url: &PublicUrl) {
    let name = format!("{}{suffix}", prefix(url));
    if let Some(cookie) = cookies::header_value(&name, value, lifetime, SameSite::Lax, url) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

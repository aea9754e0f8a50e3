//! Configuration by an operator, read from named variables: environment variables, a Worker's vars and secrets, a `.env` file.

pub mod variables;

mod cdn;
mod origins;
mod overrides;
mod passwords;
mod reader;
mod url;

use std::sync::Arc;
use std::time::Duration;

use crate::limit::Limits;
use crate::oauth;
use crate::password::{Argon2Parameters, PasswordRules, RangeService};
use crate::seal::{MasterSecrets, Sealer};
use crate::token::{Algorithm, IssuerAndAudience};
use passwords::PasswordSettings;
use reader::Reader;

pub use cdn::CdnSecret;
pub use overrides::Override;
pub use url::PublicUrl;

pub use crate::model::{ConfigError, Exposure};

const DAY: Duration = Duration::from_hours(24);

/// Checked configuration.
#[derive(Clone)]
pub struct Config {
    /// Address at which clients reach Latchkey: `LATCHKEY_URL`.
    pub url: PublicUrl,
    /// Issuer (`iss`) of access tokens, which is the URL, and their audience (`aud`): `LATCHKEY_AUDIENCE`, by default the URL.
    pub issuer_and_audience: Arc<IssuerAndAudience>,
    /// Frontends that may call with credentials: `LATCHKEY_ORIGINS`.
    pub origins: Vec<String>,
    /// Headers that their pages may send in addition to the usual ones: `LATCHKEY_CORS_HEADERS`.
    pub cors_headers: Vec<String>,
    /// Sealer of stored data and tagger of refresh tokens: `LATCHKEY_SECRET`.
    pub sealer: Arc<Sealer>,
    /// Rate limits: `LATCHKEY_LIMITS`.
    pub limits: Limits,
    /// Algorithm of new signing keys: `LATCHKEY_SIGNING_ALG`.
    pub algorithm: Algorithm,
    /// Rules for new passwords: `LATCHKEY_PASSWORD_MIN`.
    pub password_rules: PasswordRules,
    /// Service that knows breached passwords: `LATCHKEY_BREACHED`.
    pub breached: Option<RangeService>,
    /// Cost of a password hash: `LATCHKEY_ARGON2`.
    pub argon2: Argon2Parameters,
    /// Dangers that the operator allows and that are in use. The log repeats them at each start.
    pub overrides: Vec<Override>,
    /// Retention of audit events: `LATCHKEY_AUDIT_DAYS`.
    pub audit_retention: Duration,
    /// Number of reverse proxies that append to `X-Forwarded-For`: `LATCHKEY_TRUSTED_PROXIES`.
    pub trusted_proxies: u8,
    /// Secret that a request must carry for its `X-Forwarded-For` to be trusted: `LATCHKEY_CDN_SECRET`.
    pub cdn_secret: Option<CdnSecret>,
    /// True if provider refresh tokens are stored: `LATCHKEY_PROVIDER_TOKENS`.
    pub keep_provider_tokens: bool,
    /// Identity providers: `<PROVIDER>_CLIENT_ID` and the like.
    pub oauth: Arc<oauth::OauthSettings>,
}

impl Config {
    /// Reads and checks every variable. Returns all faults at once. An empty value counts as missing.
    pub fn read(var: impl Fn(&str) -> Option<String>, exposure: Exposure) -> Result<Self, Vec<ConfigError>> {
        let var = |name: &str| var(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let mut reader = Reader::new(&var);
        let url = reader.take(url::read(var("LATCHKEY_URL")));
        let origins = reader.take(origins::origins(var("LATCHKEY_ORIGINS").as_deref())).unwrap_or_default();
        let cors_headers =
            reader.take(origins::cors_headers(var("LATCHKEY_CORS_HEADERS").as_deref())).unwrap_or_default();
        let cdn_secret = reader.take(CdnSecret::read(var("LATCHKEY_CDN_SECRET").as_deref())).flatten();
        let secrets = reader.take(secrets(var("LATCHKEY_SECRET").as_deref()));
        // Nothing is known of an invalid URL, and one error is enough.
        let is_public = url.as_ref().is_some_and(|url| !url.is_loopback());
        let allowed = overrides::read(&mut reader);
        let allows = |danger: Override| !is_public || allowed.contains(&danger);
        let limits = limits(var("LATCHKEY_LIMITS").as_deref(), allows(Override::NoLimits));
        let limits = reader.take(limits).unwrap_or_default();
        let algorithm = reader.parsed("LATCHKEY_SIGNING_ALG", "use EdDSA, ES256 or RS256");
        let PasswordSettings { argon2, breached, rules } =
            PasswordSettings::read(&mut reader, allows(Override::WeakHashes));
        let days = reader.number("LATCHKEY_AUDIT_DAYS", 400, 1..=3650);
        let trusted_proxies = reader.number("LATCHKEY_TRUSTED_PROXIES", 0, 0..=10);
        let keep_provider_tokens =
            reader.take(provider_tokens(var("LATCHKEY_PROVIDER_TOKENS").as_deref())).unwrap_or_default();
        // An http URL means that Latchkey runs on this machine, whatever the platform (for example in `wrangler dev`).
        let here = if url.as_ref().is_some_and(|url| !url.is_https()) { Exposure::Local } else { exposure };
        let oauth = reader.take_all(providers(&var, here)).unwrap_or_default();
        let issuer_and_audience =
            url.as_ref().and_then(|url| reader.take(url::issuer_and_audience(url, var("LATCHKEY_AUDIENCE"))));
        let faults = reader.into_faults();
        // A variable with a fault has a default value or is missing here.
        let (Some(url), Some(issuer_and_audience), Some(secrets), true) =
            (url, issuer_and_audience, secrets, faults.is_empty())
        else {
            return Err(faults);
        };
        Ok(Self {
            overrides: overrides::in_use(&allowed, limits, &argon2),
            issuer_and_audience: Arc::new(issuer_and_audience),
            url,
            origins,
            cors_headers,
            sealer: Arc::new(Sealer::new(&secrets)),
            limits,
            algorithm: algorithm.unwrap_or_default(),
            password_rules: rules,
            argon2,
            breached,
            audit_retention: DAY * u32::from(days),
            trusted_proxies: u8::try_from(trusted_proxies).unwrap_or(0),
            cdn_secret,
            keep_provider_tokens,
            oauth: Arc::new(oauth),
        })
    }
}

/// Reads the providers in builds with a function that needs them. Other Workers leave this code out to stay small.
#[cfg(feature = "providers")]
fn providers(
    var: &dyn Fn(&str) -> Option<String>,
    exposure: Exposure,
) -> Result<oauth::OauthSettings, Vec<ConfigError>> {
    oauth::OauthSettings::read(var, exposure)
}

#[cfg(not(feature = "providers"))]
#[expect(clippy::unnecessary_wraps, reason = "its caller is the same in every build")]
fn providers(
    _: &dyn Fn(&str) -> Option<String>,
    _: Exposure,
) -> Result<oauth::OauthSettings, Vec<ConfigError>> {
    Ok(oauth::OauthSettings::default())
}

fn secrets(value: Option<&str>) -> Result<MasterSecrets, ConfigError> {
    const FIX: &str = "set it to the output of `openssl rand -base64 32`";
    let value = value.ok_or_else(|| ConfigError::new("LATCHKEY_SECRET", "is not set", FIX))?;
    MasterSecrets::parse(value).map_err(|error| ConfigError::new("LATCHKEY_SECRET", error.to_string(), FIX))
}

fn limits(value: Option<&str>, allow_off: bool) -> Result<Limits, ConfigError> {
    value.map_or_else(|| Ok(Limits::default()), |text| Limits::parse(text, allow_off)).map_err(|error| {
        ConfigError::new(
            "LATCHKEY_LIMITS",
            error.to_string(),
            "write limits as action=count/time, such as signup=3/15m,signin=5/1m",
        )
    })
}

fn provider_tokens(value: Option<&str>) -> Result<bool, ConfigError> {
    match value {
        None | Some("drop") => Ok(false),
        Some("keep") => Ok(true),
        Some(_) => Err(ConfigError::new(
            "LATCHKEY_PROVIDER_TOKENS",
            "is neither keep nor drop",
            "use keep to store the refresh tokens of providers, sealed; drop, the default, does not",
        )),
    }
}

#[cfg(test)]
mod tests;

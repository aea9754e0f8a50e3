//! What an operator sets, read from named variables: environment variables, a Worker's vars and secrets, a `.env` file.

pub mod variables;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::limit::Limits;
use crate::oauth;
use crate::password::{PasswordRules, RangeService, Strength};
use crate::seal::{MasterSecrets, Sealer};
use crate::token::{Algorithm, Parties};

mod cdn;
mod origins;

pub use cdn::CdnSecret;

const DAY: Duration = Duration::from_hours(24);

/// A checked configuration.
#[derive(Clone)]
pub struct Config {
    /// Where clients reach Latchkey: `LATCHKEY_URL`.
    pub url: PublicUrl,
    /// The `iss` of access tokens, which is the URL, and their `aud`: `LATCHKEY_AUDIENCE`, else the URL.
    pub parties: Arc<Parties>,
    /// The frontends that may call with credentials: `LATCHKEY_ORIGINS`.
    pub origins: Vec<String>,
    /// The headers that their pages may send beside the usual ones: `LATCHKEY_CORS_HEADERS`.
    pub cors_headers: Vec<String>,
    /// Seals what is stored and tags refresh tokens: `LATCHKEY_SECRET`.
    pub sealer: Arc<Sealer>,
    /// The rate limits: `LATCHKEY_LIMITS`.
    pub limits: Limits,
    /// The algorithm of new signing keys: `LATCHKEY_SIGNING_ALG`.
    pub algorithm: Algorithm,
    /// What a new password must be: `LATCHKEY_PASSWORD_MIN`.
    pub password_rules: PasswordRules,
    /// Who is asked for breached passwords: `LATCHKEY_BREACHED`.
    pub breached: Option<RangeService>,
    /// What a password hash costs: `LATCHKEY_ARGON2`.
    pub strength: Strength,
    /// The dangers that are allowed and in use; the log of each start repeats them.
    pub overrides: Vec<Override>,
    /// How long audit events are kept: `LATCHKEY_AUDIT_DAYS`.
    pub audit_retention: Duration,
    /// How many reverse proxies append to `X-Forwarded-For`: `LATCHKEY_TRUSTED_PROXIES`.
    pub trusted_proxies: u8,
    /// What a request must carry for `X-Forwarded-For` to be believed: `LATCHKEY_CDN_SECRET`.
    pub cdn_secret: Option<CdnSecret>,
    /// Whether the refresh tokens of providers are kept: `LATCHKEY_PROVIDER_TOKENS`.
    pub keep_provider_tokens: bool,
    /// The providers that people sign in with: `<PROVIDER>_CLIENT_ID` and its like.
    pub oauth: Arc<oauth::Settings>,
}

/// One variable that is wrong or missing, and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}; {fix}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with it, without its value where that is secret.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl ConfigError {
    /// About `variable`: what is wrong, and what to do.
    pub fn new(variable: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { variable, problem: problem.into(), fix: fix.into() }
    }
}

/// A danger that an operator takes on by naming it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// `LATCHKEY_ALLOW_WEAK_HASHES=yes`: `LATCHKEY_ARGON2` may be below OWASP's least.
    WeakHashes,
    /// `LATCHKEY_ALLOW_NO_LIMITS=yes`: `LATCHKEY_LIMITS` may be `off`.
    NoLimits,
}

impl Override {
    const ALL: [Self; 2] = [Self::WeakHashes, Self::NoLimits];

    /// The variable that names it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::WeakHashes => "LATCHKEY_ALLOW_WEAK_HASHES",
            Self::NoLimits => "LATCHKEY_ALLOW_NO_LIMITS",
        }
    }

    /// What it lets happen, for the log of each start.
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::WeakHashes => {
                "stolen password hashes are cheap to guess: remove it and set LATCHKEY_ARGON2 to m=19456,t=2,p=1"
            }
            Self::NoLimits => "passwords can be guessed without a limit: remove it and set LATCHKEY_LIMITS",
        }
    }

    fn given(self, value: Option<&str>) -> Result<bool, ConfigError> {
        match value {
            None => Ok(false),
            Some("yes") => Ok(true),
            Some(_) => Err(ConfigError::new(self.variable(), "is not yes", "write yes, or remove it")),
        }
    }
}

/// What only the local server may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On somebody's own machine.
    Local,
    /// Anywhere that others reach.
    Deployed,
}

impl Config {
    /// Reads and checks every variable; gives all that is wrong at once. An empty value counts as missing.
    pub fn read(var: impl Fn(&str) -> Option<String>, place: Place) -> Result<Self, Vec<ConfigError>> {
        let var = |name: &str| var(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let mut errors = Vec::new();
        let url = keep(url(var("LATCHKEY_URL")), &mut errors);
        let origins = keep(origins::origins(var("LATCHKEY_ORIGINS").as_deref()), &mut errors);
        let cors_headers = keep(origins::cors_headers(var("LATCHKEY_CORS_HEADERS").as_deref()), &mut errors);
        let cdn_secret = keep(CdnSecret::read(var("LATCHKEY_CDN_SECRET").as_deref()), &mut errors);
        let secrets = keep(secrets(var("LATCHKEY_SECRET").as_deref()), &mut errors);
        // Of a URL that is wrong nothing is known, and one error is enough.
        let is_public = url.as_ref().is_some_and(|url| !url.is_loopback());
        let allowed = overrides(&var, &mut errors);
        let allows = |danger: Override| !is_public || allowed.contains(&danger);
        let limits = keep(limits(var("LATCHKEY_LIMITS").as_deref(), allows(Override::NoLimits)), &mut errors);
        let algorithm = keep(
            parsed("LATCHKEY_SIGNING_ALG", var("LATCHKEY_SIGNING_ALG"), "use EdDSA, ES256 or RS256"),
            &mut errors,
        );
        let strength = keep(strength(var("LATCHKEY_ARGON2"), allows(Override::WeakHashes)), &mut errors);
        let breached = keep(
            parsed(
                "LATCHKEY_BREACHED",
                var("LATCHKEY_BREACHED"),
                "use https://api.pwnedpasswords.com/range/",
            ),
            &mut errors,
        );
        let min = keep(number("LATCHKEY_PASSWORD_MIN", var("LATCHKEY_PASSWORD_MIN"), 8, 8, 64), &mut errors);
        let days = keep(number("LATCHKEY_AUDIT_DAYS", var("LATCHKEY_AUDIT_DAYS"), 400, 1, 3650), &mut errors);
        let proxies =
            keep(number("LATCHKEY_TRUSTED_PROXIES", var("LATCHKEY_TRUSTED_PROXIES"), 0, 0, 10), &mut errors);
        let keep_provider_tokens =
            keep(provider_tokens(var("LATCHKEY_PROVIDER_TOKENS").as_deref()), &mut errors);
        // With an http URL it runs on this machine, whatever the platform: in `wrangler dev`, say.
        let here = if url.as_ref().is_some_and(|url| !url.is_https()) { Place::Local } else { place };
        let oauth = providers(&var, here).map_err(|wrong| errors.extend(wrong)).ok();
        let parties = url.as_ref().and_then(|url| keep(parties(url, var("LATCHKEY_AUDIENCE")), &mut errors));
        match (
            url,
            parties,
            origins,
            secrets,
            limits,
            algorithm,
            strength,
            min,
            days,
            proxies,
            keep_provider_tokens,
            oauth,
            cors_headers,
            cdn_secret,
        ) {
            (
                Some(url),
                Some(parties),
                Some(origins),
                Some(secrets),
                Some(limits),
                Some(algorithm),
                Some(strength),
                Some(min),
                Some(days),
                Some(proxies),
                Some(keep_provider_tokens),
                Some(oauth),
                Some(cors_headers),
                Some(cdn_secret),
            ) if errors.is_empty() => Ok(Self {
                overrides: overrides_in_use(&allowed, limits, &strength),
                parties: Arc::new(parties),
                url,
                origins,
                cors_headers,
                sealer: Arc::new(Sealer::new(&secrets)),
                limits,
                algorithm: algorithm.unwrap_or_default(),
                password_rules: PasswordRules { min_chars: usize::from(min) },
                strength,
                breached: breached.flatten(),
                audit_retention: DAY * u32::from(days),
                trusted_proxies: u8::try_from(proxies).unwrap_or(0),
                cdn_secret,
                keep_provider_tokens,
                oauth: Arc::new(oauth),
            }),
            _ => Err(errors),
        }
    }
}

/// The address at which clients reach Latchkey: `https`, or `http` on this machine only. Has a path where a reverse proxy takes
/// that prefix off, and no query or user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    origin: String,
    loopback: bool,
    cookie_prefix: String,
}

impl PublicUrl {
    /// What the paths of routes are appended to, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its origin, as browsers send it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether cookies carry `Secure`, and HSTS is sent.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Start of the name of every cookie. On https it is `__Host-latchkey-`, a prefix that browsers enforce: no sibling domain
    /// can set such a cookie (RFC 6265bis, section 4.1.3.2). On http, which is this machine only, it names the port, since
    /// browsers send the cookies of one port to every other.
    pub fn cookie_prefix(&self) -> &str {
        &self.cookie_prefix
    }

    /// Whether it names this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// The providers, where a function is built that asks for them: every other Worker would carry what reads them for nothing.
#[cfg(feature = "providers")]
fn providers(
    var: &dyn Fn(&str) -> Option<String>,
    place: Place,
) -> Result<oauth::Settings, Vec<ConfigError>> {
    oauth::Settings::read(var, place)
}

#[cfg(not(feature = "providers"))]
#[expect(clippy::unnecessary_wraps, reason = "its caller is the same in every build")]
fn providers(_: &dyn Fn(&str) -> Option<String>, _: Place) -> Result<oauth::Settings, Vec<ConfigError>> {
    Ok(oauth::Settings::default())
}

fn keep<T>(result: Result<T, ConfigError>, errors: &mut Vec<ConfigError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn url(value: Option<String>) -> Result<PublicUrl, ConfigError> {
    const NAME: &str = "LATCHKEY_URL";
    const MEND: &str = "set it to the address that clients use, such as https://auth.example.com";
    let value = value.ok_or_else(|| ConfigError::new(NAME, "is not set", MEND))?;
    let url =
        Url::parse(&value).map_err(|error| ConfigError::new(NAME, format!("is no URL ({error})"), MEND))?;
    let loopback = is_loopback(&url);
    let error = |problem: &str| Err(ConfigError::new(NAME, problem, MEND));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return error(
                "is http, which only a loopback address may be: cookies and passwords would travel in the clear",
            );
        }
        _ => return error("is not an https URL"),
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return error("has more than scheme, host, port and the path that a proxy takes off");
    }
    let cookie_prefix = match url.scheme() {
        "https" => "__Host-latchkey-".to_owned(),
        _ => format!("latchkey-{}-", url.port_or_known_default().unwrap_or_default()),
    };
    let origin = url.origin().ascii_serialization();
    let path = url.path().trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let is_plain = |segment: &str| !segment.is_empty() && segment.bytes().all(plain);
    if !path.split('/').skip(1).all(is_plain) {
        return error(
            "has a path that is not plain: letters, digits, `-`, `_`, `.` and `~` between single slashes",
        );
    }
    Ok(PublicUrl { text: format!("{origin}{path}"), origin, loopback, cookie_prefix })
}

fn parties(url: &PublicUrl, audience: Option<String>) -> Result<Parties, ConfigError> {
    let audience = audience.unwrap_or_else(|| url.as_str().to_owned());
    Parties::new(url.as_str(), audience).map_err(|error| {
        ConfigError::new("LATCHKEY_AUDIENCE", error.to_string(), "name the services that take the tokens")
    })
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn secrets(value: Option<&str>) -> Result<MasterSecrets, ConfigError> {
    const MEND: &str = "set it to the output of `openssl rand -base64 32`";
    let value = value.ok_or_else(|| ConfigError::new("LATCHKEY_SECRET", "is not set", MEND))?;
    MasterSecrets::parse(value).map_err(|error| ConfigError::new("LATCHKEY_SECRET", error.to_string(), MEND))
}

fn overrides(var: &dyn Fn(&str) -> Option<String>, errors: &mut Vec<ConfigError>) -> Vec<Override> {
    let given =
        |danger: &Override| keep(danger.given(var(danger.variable()).as_deref()), errors) == Some(true);
    Override::ALL.into_iter().filter(given).collect()
}

/// Those without which the configuration would not be taken on a public URL.
fn overrides_in_use(allowed: &[Override], limits: Limits, strength: &Strength) -> Vec<Override> {
    let in_use = |danger: &&Override| match danger {
        Override::WeakHashes => !strength.meets_owasp(),
        Override::NoLimits => limits == Limits::Off,
    };
    allowed.iter().filter(in_use).copied().collect()
}

fn strength(value: Option<String>, allow_weak: bool) -> Result<Strength, ConfigError> {
    const NAME: &str = "LATCHKEY_ARGON2";
    let strength = parsed::<Strength>(NAME, value, "use m=19456,t=2,p=1")?.unwrap_or_default();
    if strength.meets_owasp() || allow_weak {
        return Ok(strength);
    }
    Err(ConfigError::new(
        NAME,
        format!("`{strength}` is below OWASP's least, which only a loopback LATCHKEY_URL may use"),
        "use m=19456,t=2,p=1, m=12288,t=3,p=1 or m=7168,t=5,p=1, or take the risk with LATCHKEY_ALLOW_WEAK_HASHES=yes",
    ))
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

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    variable: &'static str,
    value: Option<String>,
    fix: &str,
) -> Result<Option<T>, ConfigError> {
    value
        .map(|text| text.parse().map_err(|error: T::Err| ConfigError::new(variable, error.to_string(), fix)))
        .transpose()
}

fn number(
    variable: &'static str,
    value: Option<String>,
    default: u16,
    min: u16,
    max: u16,
) -> Result<u16, ConfigError> {
    let Some(text) = value else { return Ok(default) };
    text.parse().ok().filter(|n| (min..=max).contains(n)).ok_or_else(|| {
        ConfigError::new(
            variable,
            format!("`{text}` is out of range"),
            format!("use a whole number from {min} to {max}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";

    fn read(vars: &[(&str, &str)], place: Place) -> Result<Config, Vec<ConfigError>> {
        let base = [("LATCHKEY_URL", "https://auth.example.com"), ("LATCHKEY_SECRET", SECRET)];
        let find = |name: &str| {
            vars.iter().chain(&base).find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(find, place)
    }

    fn error(vars: &[(&str, &str)]) -> String {
        let errors = read(vars, Place::Deployed).err().unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].to_string()
    }

    #[test]
    fn a_url_and_a_secret_are_enough() {
        let config = read(&[], Place::Deployed).ok().unwrap();
        assert_eq!(config.url.as_str(), "https://auth.example.com");
        assert_eq!(config.parties.audience(), "https://auth.example.com");
        assert!(config.url.is_https() && !config.url.is_loopback());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let errors = Config::read(|_| None, Place::Deployed).err().unwrap();
        let names: Vec<_> = errors.iter().map(|e| e.variable).collect();
        assert_eq!(names, ["LATCHKEY_URL", "LATCHKEY_SECRET"]);
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for url in ["http://localhost:8787", "http://127.0.0.1:8787", "http://[::1]:8787"] {
            assert!(read(&[("LATCHKEY_URL", url)], Place::Local).is_ok(), "{url}");
        }
        for url in ["http://auth.example.com", "http://localhost.example.com", "ftp://localhost", "nonsense"]
        {
            assert!(error(&[("LATCHKEY_URL", url)]).starts_with("LATCHKEY_URL: "), "{url}");
        }
    }

    #[test]
    fn providers_on_this_machine_are_for_services_on_it() {
        let provider = [
            ("LATCHKEY_OIDC", "a"),
            ("OIDC_A_ISSUER", "http://127.0.0.1:3000"),
            ("OIDC_A_CLIENT_ID", "b"),
            ("OIDC_A_CLIENT_SECRET", "c"),
        ];
        assert!(error(&provider).contains("OIDC_A_ISSUER is no https URL"));
        let here = [&[("LATCHKEY_URL", "http://localhost:8787")], &provider[..]].concat();
        assert!(read(&here, Place::Deployed).is_ok());
    }

    #[test]
    fn a_path_that_a_proxy_takes_off_belongs_to_the_address_and_not_to_the_origin() {
        for (given, text) in [
            ("https://example.com/auth", "https://example.com/auth"),
            ("https://example.com/auth/", "https://example.com/auth"),
            ("https://example.com/a/b.c", "https://example.com/a/b.c"),
            ("https://example.com/", "https://example.com"),
        ] {
            let config = read(&[("LATCHKEY_URL", given)], Place::Deployed).ok().unwrap();
            assert_eq!((config.url.as_str(), config.url.origin()), (text, "https://example.com"));
            assert_eq!(config.parties.audience(), text);
        }
        for bad in [
            "https://example.com/a//b",
            "https://example.com/a%20b",
            "https://example.com/?x",
            "https://u@example.com",
            "https://example.com/#x",
        ] {
            assert!(error(&[("LATCHKEY_URL", bad)]).starts_with("LATCHKEY_URL: "), "{bad}");
        }
    }

    #[test]
    fn a_bad_secret_is_refused_without_being_shown() {
        for bad in ["short", "changemechangemechangemechangemechangeme"] {
            let text = error(&[("LATCHKEY_SECRET", bad)]);
            assert!(text.contains("openssl rand") && !text.contains(bad), "{text}");
        }
    }

    const HERE: (&str, &str) = ("LATCHKEY_URL", "http://localhost:8787");

    #[test]
    fn limits_are_off_on_a_loopback_url_or_by_name() {
        let off = ("LATCHKEY_LIMITS", "off");
        for place in [Place::Local, Place::Deployed] {
            assert_eq!(read(&[HERE, off], place).ok().unwrap().overrides, []);
            let errors = read(&[off], place).err().unwrap();
            assert!(errors[0].to_string().contains("LATCHKEY_ALLOW_NO_LIMITS=yes"), "{errors:?}");
            let allowed = read(&[off, ("LATCHKEY_ALLOW_NO_LIMITS", "yes")], place).ok().unwrap();
            assert_eq!((allowed.limits, allowed.overrides), (Limits::Off, vec![Override::NoLimits]));
        }
        assert!(error(&[off, ("LATCHKEY_ALLOW_WEAK_HASHES", "yes")]).starts_with("LATCHKEY_LIMITS: "));
    }

    #[test]
    fn hashes_are_weak_on_a_loopback_url_or_by_name() {
        for weak in ["m=4096,t=1,p=1", "m=19456,t=1,p=1", "m=8,t=1,p=1"] {
            let weak = ("LATCHKEY_ARGON2", weak);
            assert!(read(&[HERE, weak], Place::Deployed).is_ok());
            assert!(error(&[weak]).contains("LATCHKEY_ALLOW_WEAK_HASHES=yes"));
            let allowed = read(&[weak, ("LATCHKEY_ALLOW_WEAK_HASHES", "yes")], Place::Deployed).ok().unwrap();
            assert_eq!(allowed.overrides, [Override::WeakHashes]);
        }
        for enough in ["m=19456,t=2,p=1", "m=7168,t=5,p=1", "m=47104,t=1,p=1"] {
            assert!(read(&[("LATCHKEY_ARGON2", enough)], Place::Deployed).is_ok(), "{enough}");
        }
    }

    #[test]
    fn an_override_is_yes_and_is_told_only_where_it_is_used() {
        assert!(
            error(&[("LATCHKEY_ALLOW_NO_LIMITS", "true")])
                .starts_with("LATCHKEY_ALLOW_NO_LIMITS: is not yes")
        );
        assert_eq!(read(&[("LATCHKEY_ALLOW_NO_LIMITS", "yes")], Place::Local).ok().unwrap().overrides, []);
    }

    #[test]
    fn breached_passwords_are_asked_for_when_it_says_whom() {
        let breached = |vars: &[_]| read(vars, Place::Deployed).ok().unwrap().breached;
        assert_eq!(breached(&[]), None);
        assert!(breached(&[("LATCHKEY_BREACHED", "https://api.pwnedpasswords.com/range/")]).is_some());
        assert!(error(&[("LATCHKEY_BREACHED", "yes")]).contains("use https://api.pwnedpasswords.com/range/"));
    }

    #[test]
    fn the_tokens_of_providers_are_kept_only_when_it_says_so() {
        let kept = |vars: &[_]| read(vars, Place::Deployed).ok().unwrap().keep_provider_tokens;
        assert!(!kept(&[]));
        assert!(!kept(&[("LATCHKEY_PROVIDER_TOKENS", "drop")]));
        assert!(kept(&[("LATCHKEY_PROVIDER_TOKENS", "keep")]));
        assert!(error(&[("LATCHKEY_PROVIDER_TOKENS", "yes")]).contains("keep nor drop"));
    }

    #[test]
    fn numbers_have_bounds() {
        assert!(error(&[("LATCHKEY_PASSWORD_MIN", "4")]).contains("8 to 64"));
        assert!(error(&[("LATCHKEY_AUDIT_DAYS", "0")]).contains("1 to 3650"));
        assert!(error(&[("LATCHKEY_TRUSTED_PROXIES", "-1")]).contains("0 to 10"));
    }
}

use ::url::Url;

use super::ConfigError;
use crate::model::is_loopback;
use crate::token::IssuerAndAudience;

/// Address at which clients reach Latchkey: `https`, or `http` on this machine only. May have a path, if a reverse proxy
/// removes that prefix. Has no query and no user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    origin: String,
    loopback: bool,
    cookie_prefix: String,
}

impl PublicUrl {
    /// Returns the base URL of all routes, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its origin, as browsers send it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns true if the URL is https: cookies then carry `Secure`, and HSTS is sent.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Returns the prefix of every cookie name. On https it is `__Host-latchkey-`, a prefix that browsers enforce: no sibling
    /// domain can set such a cookie (RFC 6265bis, section 4.1.3.2). On http, which is this machine only, it names the port,
    /// because browsers send the cookies of one port to every other.
    pub fn cookie_prefix(&self) -> &str {
        &self.cookie_prefix
    }

    /// Returns true if the URL names this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Reads `LATCHKEY_URL`.
pub(super) fn read(value: Option<String>) -> Result<PublicUrl, ConfigError> {
    const NAME: &str = "LATCHKEY_URL";
    const FIX: &str = "set it to the address that clients use, such as https://auth.example.com";
    let value = value.ok_or_else(|| ConfigError::new(NAME, "is not set", FIX))?;
    let url =
        Url::parse(&value).map_err(|error| ConfigError::new(NAME, format!("is not a URL ({error})"), FIX))?;
    let loopback = is_loopback(&url);
    let error = |problem: &str| Err(ConfigError::new(NAME, problem, FIX));
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return error(
                "uses http, which is allowed only on a loopback address: cookies and passwords would be sent unencrypted",
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

/// Reads `LATCHKEY_AUDIENCE`; the default is the URL.
pub(super) fn issuer_and_audience(
    url: &PublicUrl,
    audience: Option<String>,
) -> Result<IssuerAndAudience, ConfigError> {
    let audience = audience.unwrap_or_else(|| url.as_str().to_owned());
    IssuerAndAudience::new(url.as_str(), audience).map_err(|error| {
        ConfigError::new("LATCHKEY_AUDIENCE", error.to_string(), "name the services that take the tokens")
    })
}

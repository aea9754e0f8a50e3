use std::fmt;

use http::{HeaderValue, Uri};
use latchkey_core::config::ConfigError;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

const URL: &str = "UPSTASH_REDIS_REST_URL";
const TOKEN: &str = "UPSTASH_REDIS_REST_TOKEN";

/// Address of the database, and its token.
#[derive(Clone)]
pub struct UpstashSettings {
    uri: Uri,
    token: SecretString,
    /// `Bearer` and the token; marked as sensitive, so that it is not printed.
    authorization: HeaderValue,
    namespace: String,
}

impl UpstashSettings {
    /// Reads `UPSTASH_REDIS_REST_URL` and `UPSTASH_REDIS_REST_TOKEN`. Returns `None` if neither is set. An
    /// empty value counts as missing. Every key contains the host of `LATCHKEY_URL`, so that deployments can
    /// share a database.
    pub fn read(var: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Vec<ConfigError>> {
        let var = |name: &str| var(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let (url, token) = match (var(URL), var(TOKEN)) {
            (None, None) => return Ok(None),
            (Some(url), Some(token)) => (url, token),
            (None, Some(_)) => return Err(vec![alone(URL, TOKEN)]),
            (Some(_), None) => return Err(vec![alone(TOKEN, URL)]),
        };
        let namespace = namespace(var("LATCHKEY_URL").as_deref());
        match (uri(&url), authorization(&token)) {
            (Ok(uri), Ok(authorization)) => {
                Ok(Some(Self { uri, token: SecretString::from(token), authorization, namespace }))
            }
            (uri, authorization) => Err([uri.err(), authorization.err()].into_iter().flatten().collect()),
        }
    }

    pub(crate) fn uri(&self) -> Uri {
        self.uri.clone()
    }

    pub(crate) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    pub(crate) fn key(&self, kind: &str, key: &str) -> String {
        format!("{}:{kind}:{key}", self.namespace)
    }

    /// Returns `text` with the token removed from it.
    pub(crate) fn without_token(&self, text: &str) -> String {
        text.replace(self.token.expose_secret(), "[token]")
    }
}

impl fmt::Debug for UpstashSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstashSettings")
            .field("uri", &self.uri)
            .field("token", &self.token)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

fn alone(missing: &'static str, set: &str) -> ConfigError {
    ConfigError::new(
        missing,
        format!("is not set, while {set} is"),
        "copy both from the REST API section of the database's page at Upstash, or set neither",
    )
}

fn uri(text: &str) -> Result<Uri, ConfigError> {
    const MEND: &str = "set it to the database's REST URL, such as https://eu1-example-12345.upstash.io";
    let error = |problem: &str| ConfigError::new(URL, problem, MEND);
    let url = Url::parse(text).map_err(|_| error("is not a URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(error("is http: the token would travel in the clear")),
        _ => {
            return Err(error(
                "is not an https URL; Latchkey speaks Upstash's REST protocol, not Redis's own",
            ));
        }
    }
    // The value is not repeated in the error: the text before the `@` may contain a password.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(error("has a user name or a password"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(error("has more than scheme, host and port"));
    }
    url.as_str().parse().map_err(|_| error("is not a URL"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn authorization(token: &str) -> Result<HeaderValue, ConfigError> {
    const MEND: &str = "copy it again from the REST API section of the database's page at Upstash";
    // A shorter token could also occur, and be hidden, in texts that do not contain it.
    if token.len() < 8 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::new(
            TOKEN,
            "is not a token; a token has at least 8 letters, digits and signs, and no space",
            MEND,
        ));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| ConfigError::new(TOKEN, "cannot be sent in a header", MEND))?;
    value.set_sensitive(true);
    Ok(value)
}

fn namespace(latchkey_url: Option<&str>) -> String {
    let url = latchkey_url.and_then(|url| Url::parse(url).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.map_or_else(|| "latchkey".to_owned(), |host| format!("latchkey:{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 2] =
        [(URL, "https://eu1-example-12345.upstash.io"), (TOKEN, "AXkqASQgN2FhZjY4ZTct")];

    fn read(vars: &[(&str, &str)]) -> Result<Option<UpstashSettings>, Vec<ConfigError>> {
        UpstashSettings::read(|name| {
            vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn errors(vars: &[(&str, &str)]) -> Vec<String> {
        read(vars).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_or_neither() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[(URL, " "), (TOKEN, "")]).unwrap().is_none());
        assert!(read(&GOOD).unwrap().is_some());
        assert!(errors(&GOOD[..1])[0].starts_with("UPSTASH_REDIS_REST_TOKEN: is not set"));
        assert!(errors(&GOOD[1..])[0].starts_with("UPSTASH_REDIS_REST_URL: is not set"));
    }

    #[test]
    fn a_wrong_value_is_told_with_its_fix_and_without_its_secrets() {
        for url in [
            "http://eu1-example-12345.upstash.io",
            "redis://default:hunter2hunter2@eu1.upstash.io:6379",
            "rediss://default:hunter2hunter2@eu1.upstash.io:6379",
            "https://default:hunter2hunter2@eu1.upstash.io",
            "https://eu1.upstash.io/get/foo",
            "https://eu1.upstash.io?_token=hunter2hunter2",
            "https://",
            "eu1.upstash.io",
        ] {
            let told = errors(&[(URL, url), GOOD[1]]);
            assert!(told.len() == 1 && told[0].starts_with("UPSTASH_REDIS_REST_URL: "), "{told:?}");
            assert!(told[0].contains("such as https://") && !told[0].contains("hunter2"), "{told:?}");
        }
        for token in ["short", "with a space in it", "t\u{f6}ken-t\u{f6}ken", "to\nken-to\nken"] {
            let told = errors(&[GOOD[0], (TOKEN, token)]);
            assert!(told.len() == 1 && told[0].starts_with("UPSTASH_REDIS_REST_TOKEN: "), "{told:?}");
            assert!(!told[0].contains(token), "{told:?}");
        }
        assert_eq!(errors(&[(URL, "x"), (TOKEN, "x")]).len(), 2, "both at once");
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for url in ["http://127.0.0.1:8079", "http://localhost:8079/", "http://[::1]:8079"] {
            assert!(read(&[(URL, url), GOOD[1]]).is_ok(), "{url}");
        }
    }

    #[test]
    fn the_token_is_never_printed() {
        let settings = read(&GOOD).unwrap().unwrap();
        let printed = format!("{settings:?} {settings:#?} {:?}", settings.authorization());
        assert!(!printed.contains(GOOD[1].1) && printed.contains("Sensitive"), "{printed}");
        assert_eq!(settings.without_token(&format!("a {} b", GOOD[1].1)), "a [token] b");
    }

    #[test]
    fn deployments_that_share_a_database_have_keys_of_their_own() {
        assert_eq!(read(&GOOD).unwrap().unwrap().key("count", "k"), "latchkey:count:k");
        let vars = [GOOD[0], GOOD[1], ("LATCHKEY_URL", "https://auth.example.com")];
        assert_eq!(read(&vars).unwrap().unwrap().key("count", "k"), "latchkey:auth.example.com:count:k");
    }
}

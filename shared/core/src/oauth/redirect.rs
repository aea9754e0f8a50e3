//! Addresses to which a browser may return after the provider: only those that the operator listed.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Maximum length of `redirect_to`, in bytes. It is stored in the cookie of the authorization request, which holds 4096 bytes
/// in total.
pub const MAX_REDIRECT: usize = 1024;

/// Error: the text is not an address that the operator listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "redirect_to is not an allowed return address: give a path such as /welcome, or an address that is listed here"
)]
pub struct InvalidRedirect;

/// Checked return address, for the `Location` header.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReturnTo {
    /// URL.
    pub(super) url: Url,
}

impl fmt::Debug for ReturnTo {
    // The query belongs to the app, and may name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnTo({})", self.origin())
    }
}

impl ReturnTo {
    /// Returns the URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the app that it belongs to: an origin, or the scheme of a native app.
    pub fn origin(&self) -> String {
        app_of(&self.url)
    }

    /// Returns the URL with `name=value` added to its query.
    pub fn with(&self, name: &str, value: &str) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair(name, value);
        url
    }
}

/// URI of a native app, from `LATCHKEY_APP_REDIRECTS`: a private scheme in reverse-domain form, an https link that the system
/// opens in the app, or a loopback address with any port (RFC 8252, section 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUri(Url);

impl AppUri {
    /// Parses one entry. The error states its fault.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = plain(text).ok_or("is too long, or has a character that a URI does not have")?;
        let url = Url::parse(plain).map_err(|_| "is not a URI")?;
        if url.as_str() != plain || url.fragment().is_some() || has_user(&url) {
            return Err("is not written as a browser would write it, or has a fragment or a user");
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback_ip(&url) => Ok(Self(url)),
            "http" => Err("uses http, which is allowed only on 127.0.0.1 and [::1]"),
            // No scheme that a browser handles itself (javascript, data, file, blob) has a period in its name.
            scheme if scheme.contains('.') => Ok(Self(url)),
            _ => Err("has a scheme that is not a reverse domain name, such as com.example.app"),
        }
    }

    /// Matches exactly, except for the port of a loopback address, which the system chooses each time.
    fn admits(&self, url: &Url) -> bool {
        if self.0.scheme() != "http" {
            return self.0 == *url;
        }
        let mut same_port = url.clone();
        is_loopback_ip(url) && same_port.set_port(self.0.port()).is_ok() && same_port == self.0
    }
}

/// Addresses that a browser may return to.
#[derive(Debug, Clone)]
pub struct Redirects {
    /// Origin of `LATCHKEY_URL`.
    own: String,
    origins: Vec<String>,
    apps: Vec<AppUri>,
}

impl Redirects {
    /// Allows pages of `own` and of `origins`, and `apps`.
    pub fn new(own: &str, origins: &[String], apps: &[AppUri]) -> Self {
        // Apps and extensions are not pages to which a browser can be sent.
        let is_page = |origin: &&String| origin.starts_with("https://") || origin.starts_with("http://");
        Self {
            own: own.to_owned(),
            origins: origins.iter().filter(is_page).cloned().collect(),
            apps: apps.to_vec(),
        }
    }

    /// Checks the return address of a sign-in with cookies: a path at the first frontend, or a URL at a listed origin. The
    /// default is the start page of the first frontend.
    pub fn page(&self, text: Option<&str>) -> Result<ReturnTo, InvalidRedirect> {
        let text = plain(text.unwrap_or("/")).ok_or(InvalidRedirect)?;
        let url = if text.starts_with('/') { self.path(text) } else { self.absolute(text) };
        url.map(|url| ReturnTo { url }).ok_or(InvalidRedirect)
    }

    /// Checks the address to which a one-time code is sent: a listed page, or an app. There is no default.
    pub fn app(&self, text: &str) -> Result<ReturnTo, InvalidRedirect> {
        let text = plain(text).ok_or(InvalidRedirect)?;
        let listed = || Url::parse(text).ok().filter(|url| self.apps.iter().any(|app| app.admits(url)));
        let exact = |url: &Url| url.as_str() == text;
        match listed().filter(exact) {
            Some(url) => Ok(ReturnTo { url }),
            None => self.page(Some(text)),
        }
    }

    fn path(&self, text: &str) -> Option<Url> {
        // `//host` is a URL without its scheme.
        if text.starts_with("//") {
            return None;
        }
        let home = self.origins.first().unwrap_or(&self.own);
        let url = Url::parse(home).ok()?.join(text).ok()?;
        (url.origin().ascii_serialization() == *home && !has_user(&url)).then_some(url)
    }

    /// Parses an absolute URL. Its origin must be listed, both as parsed and as the prefix of the text, so that any other
    /// parser finds the same host.
    fn absolute(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let parsed = url.origin().ascii_serialization();
        let origin = self.origins.iter().chain([&self.own]).find(|origin| **origin == parsed)?;
        let rest = text.strip_prefix(origin.as_str())?;
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(url).filter(|url| !has_user(url))
    }
}

/// Returns `text` if it has only characters that a URI may contain. Browsers drop tabs and line breaks, trim spaces and read a
/// backslash as a slash, so a text with any of them is refused.
fn plain(text: &str) -> Option<&str> {
    let fits = text.len() <= MAX_REDIRECT && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    fits.then_some(text)
}

fn app_of(url: &Url) -> String {
    match url.scheme() {
        "https" | "http" => url.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    }
}

/// Returns the log form of a refused `redirect_to`: only the app of a URL, because the rest may name a person.
pub(super) fn described(text: Option<&str>) -> String {
    match text {
        None => "missing".to_owned(),
        Some(text) => match plain(text).map(Url::parse) {
            Some(Ok(url)) => app_of(&url),
            Some(Err(_)) | None => "not a URL".to_owned(),
        },
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback_ip(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redirects() -> Redirects {
        let origins = ["https://app.example.com", "https://other.example.com:8443", "http://localhost:5173"];
        let apps = ["com.example.app:/signed-in", "https://links.example.com/in", "http://127.0.0.1/in"];
        let apps = apps.map(|app| AppUri::parse(app).unwrap());
        Redirects::new("https://auth.example.com", &origins.map(str::to_owned), &apps)
    }

    #[test]
    fn listed_places_are_returned_to() {
        for (text, place) in [
            (None, "https://app.example.com/"),
            (Some("/"), "https://app.example.com/"),
            (Some("/a/b?c=d&e=%2F#f"), "https://app.example.com/a/b?c=d&e=%2F#f"),
            (Some("/@evil.example"), "https://app.example.com/@evil.example"),
            (Some("/a//b"), "https://app.example.com/a//b"),
            (Some("https://app.example.com"), "https://app.example.com/"),
            (
                Some("https://app.example.com/x?y=https://evil.example"),
                "https://app.example.com/x?y=https://evil.example",
            ),
            (Some("https://app.example.com?x"), "https://app.example.com/?x"),
            (Some("https://other.example.com:8443/x"), "https://other.example.com:8443/x"),
            (Some("http://localhost:5173/"), "http://localhost:5173/"),
            (Some("https://auth.example.com/docs"), "https://auth.example.com/docs"),
        ] {
            assert_eq!(redirects().page(text).map(|to| to.url.to_string()), Ok(place.to_owned()), "{text:?}");
        }
    }

    /// Texts that a browser would follow to another host, or could be made to.
    const ELSEWHERE: [&str; 57] = [
        "",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https:\\evil.example",
        "https://evil.example",
        "https:app.example.com",
        "https:/app.example.com",
        "https:///app.example.com",
        "HTTPS://evil.example",
        "https://app.example.com.evil.example",
        "https://app.example.com.",
        "https://app.example.com@evil.example",
        "https://app.example.com:443@evil.example",
        "https://user@app.example.com/",
        "https://user:pass@app.example.com/",
        "https://@app.example.com/",
        "https://app.example.com:443/",
        "https://app.example.com:8443/",
        "https://app.example.com\\@evil.example",
        "https://app.example.com\\.evil.example",
        "https://evil.example/https://app.example.com",
        "https://evil.example#https://app.example.com",
        "https://evil.example?https://app.example.com",
        "https://evilapp.example.com",
        "https://APP.example.com/",
        "https://app%2eexample.com/",
        "https://app.example.com%2f@evil.example",
        "https://app.example.com%00.evil.example",
        "https://app.example.com\u{3002}evil.example",
        "https://app\u{ff0e}example.com",
        "https://app.example\u{ff61}com",
        "https://\u{ff41}pp.example.com",
        "http://app.example.com/",
        "http://localhost:5174/",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://app.example.com/1",
        "file:///etc/passwd",
        "app.example.com",
        "x/y",
        "?x=y",
    ];

    #[test]
    fn every_spelling_that_leads_elsewhere_is_refused() {
        for text in ELSEWHERE {
            assert_eq!(redirects().page(Some(text)), Err(InvalidRedirect), "{text:?}");
            assert_eq!(redirects().app(text), Err(InvalidRedirect), "{text:?}");
        }
        let long = format!("/{}", "x".repeat(MAX_REDIRECT));
        assert_eq!(redirects().page(Some(&long)), Err(InvalidRedirect));
    }

    #[test]
    fn apps_are_matched_exactly_but_for_a_loopback_port() {
        for text in
            ["com.example.app:/signed-in", "https://links.example.com/in", "http://127.0.0.1:49152/in"]
        {
            assert_eq!(redirects().app(text).unwrap().url.as_str(), text);
            assert_eq!(redirects().page(Some(text)), Err(InvalidRedirect), "cookies stay with the frontends");
        }
        for text in [
            "com.example.app:/signed-in/",
            "com.example.app:/signed-in?x=y",
            "com.example.app://signed-in",
            "COM.example.app:/signed-in",
            "com.example.other:/signed-in",
            "https://links.example.com/in/x",
            "https://links.example.com:444/in",
            "http://127.0.0.1:49152/out",
            "http://localhost:49152/in",
            "http://127.0.0.2:49152/in",
            "https://127.0.0.1/in",
        ] {
            assert_eq!(redirects().app(text), Err(InvalidRedirect), "{text}");
        }
    }

    #[test]
    fn a_refused_address_is_logged_by_its_app_only() {
        for (text, told) in [
            (None, "missing"),
            (Some("https://evil.example/ada@example.com?x=y"), "https://evil.example"),
            (Some("https://user:pass@evil.example:8443/"), "https://evil.example:8443"),
            (Some("com.example.other:/ada"), "com.example.other:"),
            (Some("//evil.example"), "not a URL"),
            (Some("https://evil.example/\nforged line"), "not a URL"),
        ] {
            assert_eq!(described(text), told, "{text:?}");
        }
        assert_eq!(described(Some(&format!("https://{}.example/", "x".repeat(MAX_REDIRECT)))), "not a URL");
    }

    #[test]
    fn an_app_has_a_scheme_of_its_own() {
        for bad in ["javascript:x", "data:x", "myapp:/x", "http://example.com/", "com.example.app:/x#y", "x"]
        {
            assert!(AppUri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_code_is_added_to_the_query() {
        let to = redirects().app("https://app.example.com/in?a=b#c").unwrap();
        assert_eq!(to.with("code", "x&y").as_str(), "https://app.example.com/in?a=b&code=x%26y#c");
    }

    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("https:"),
            Just("http:"),
            Just("//"),
            Just("/"),
            Just("\\"),
            Just("@"),
            Just(":"),
            Just("."),
            Just("\t"),
            Just("%2f"),
            Just("#"),
            Just("?"),
            Just("app.example.com"),
            Just("evil.example"),
            Just("javascript:"),
            Just("\u{3002}"),
            Just(" "),
            Just("localhost"),
            Just(":5173"),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Checks with another URL parser, relative to the page that a browser would be on.
        #[test]
        fn whatever_is_taken_leads_to_a_listed_origin(text in prop_oneof![hostile(), "\\PC{0,40}", "[/\\\\:@.a-z\t\n ]{0,12}"]) {
            if let Ok(to) = redirects().page(Some(&text)) {
                let listed = ["https://app.example.com", "https://other.example.com:8443", "http://localhost:5173", "https://auth.example.com"];
                let followed = Url::parse("https://app.example.com/").unwrap().join(&text).unwrap();
                prop_assert!(listed.contains(&followed.origin().ascii_serialization().as_str()), "{text:?}");
                prop_assert_eq!(to.url(), &followed);
            }
        }
    }
}

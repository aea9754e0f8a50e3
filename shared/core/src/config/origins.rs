//! `LATCHKEY_ORIGINS` and `LATCHKEY_CORS_HEADERS`: origins that may call with credentials, and headers that their pages may
//! send.

use url::Url;

use crate::model::{ConfigError, is_loopback};

/// Schemes whose pages have an origin without a host, or one that does not tell them apart.
const NO_ORIGIN: [&str; 6] = ["about", "blob", "data", "file", "filesystem", "javascript"];

/// Reads exact origins, as browsers and web views send them.
pub(super) fn origins(value: Option<&str>) -> Result<Vec<String>, ConfigError> {
    entries(value).map(origin).collect()
}

fn entries(value: Option<&str>) -> impl Iterator<Item = &str> {
    value.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn origin(part: &str) -> Result<String, ConfigError> {
    let error = |problem: &str| {
        ConfigError::new(
            "LATCHKEY_ORIGINS",
            format!("`{part}` {problem}"),
            "list exact origins with commas, such as https://app.example.com,http://localhost:5173,capacitor://localhost",
        )
    };
    if part.contains('*') {
        return Err(error(
            "has a wildcard, which does not match any origin; list each origin that it stands for",
        ));
    }
    let url = Url::parse(part).map_err(|_| error("is not an origin"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return app_origin(part)
            .ok_or_else(|| error("is not the origin of an app or an extension: write scheme://host"));
    }
    let origin = url.origin().ascii_serialization();
    // Browsers compare origins as text, so an origin in another spelling would never match.
    if origin != part.trim_end_matches('/') {
        return Err(error("is not an exact origin: it needs a scheme and a host in lower case, and no path"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(error("uses http, which is allowed only on a loopback address"));
    }
    Ok(origin)
}

/// Returns the origin of an app's web view or a browser extension, as text. No standard says how to normalize it.
fn app_origin(part: &str) -> Option<String> {
    let (scheme, host) = part.trim_end_matches('/').split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    let is_host = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'));
    (is_scheme && is_host && !NO_ORIGIN.contains(&scheme)).then(|| format!("{scheme}://{host}"))
}

/// Headers that only a browser or a proxy may set, or with which a proxy asks Latchkey about another request. No page needs to
/// send them.
const RESERVED: [&str; 9] =
    ["x-forwarded-", "x-original-", "x-latchkey-", "sec-", "proxy-", "cf-", "cookie", "origin", "host"];

/// Reads `LATCHKEY_CORS_HEADERS`: names of headers, in lower case, that a page may send in addition to the usual ones.
pub(super) fn cors_headers(value: Option<&str>) -> Result<Vec<String>, ConfigError> {
    let name = |part: &str| {
        let name = part.to_ascii_lowercase();
        let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let problem = if !is_token {
            "is not a header name"
        } else if RESERVED.iter().any(|start| name.starts_with(start)) {
            "is a header that pages may not send"
        } else {
            return Ok(name);
        };
        Err(ConfigError::new(
            "LATCHKEY_CORS_HEADERS",
            format!("`{part}` {problem}"),
            "list names of headers with commas, such as x-client-version,x-device-id",
        ))
    };
    entries(value).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        let listed = "https://app.example.com, http://localhost:5173,capacitor://localhost,tauri://localhost,\
                      http://tauri.localhost,chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb,\
                      moz-extension://8f1c9a52-0f2b-4f6e-9d53-0f5b7d8b3c11,com.example.app://main/";
        let read = origins(Some(listed)).unwrap();
        let expected: Vec<_> = listed.split(',').map(|part| part.trim().trim_end_matches('/')).collect();
        assert_eq!(read, expected);
        for bad in [
            "*",
            "null",
            "https://*.example.com",
            "https://*.example.com/x",
            "chrome-extension://*",
            "app.example.com",
            "https://App.example.com",
            "http://app.example.com",
            "https://a.example.com/path",
            "https://user@a.example.com",
            "https://a.example.com:443",
            "file://host",
            "data:text/html,x",
            "javascript://x",
            "about:blank",
            "capacitor:localhost",
            "capacitor://",
            "capacitor://localhost/path",
            "Capacitor://localhost",
            "capacitor://local host",
        ] {
            let text = origins(Some(bad)).unwrap_err().to_string();
            assert!(
                text.starts_with("LATCHKEY_ORIGINS: ") && text.contains("exact origins"),
                "{bad}: {text}"
            );
        }
        assert!(origins(Some("https://*.example.com")).unwrap_err().to_string().contains("wildcard"));
    }

    #[test]
    fn headers_that_a_proxy_or_a_browser_sets_are_not_given_to_pages() {
        assert_eq!(
            cors_headers(Some("X-Client-Version, x-device-id")).unwrap(),
            ["x-client-version", "x-device-id"]
        );
        assert!(cors_headers(None).unwrap().is_empty());
        for bad in [
            "*",
            "x y",
            "x-forwarded-for",
            "X-Forwarded-Method",
            "x-latchkey-user",
            "cookie",
            "sec-fetch-site",
            "x:y",
        ] {
            let text = cors_headers(Some(bad)).unwrap_err().to_string();
            assert!(text.starts_with("LATCHKEY_CORS_HEADERS: "), "{text}");
        }
    }
}

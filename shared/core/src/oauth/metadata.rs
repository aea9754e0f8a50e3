use serde::Deserialize;
use url::{Host, Url};

use super::provider::ClientAuth;
use crate::json::Optional;

/// Metadata of a provider (OpenID Connect Discovery, section 3; RFC 8414; RFC 9207, section 3).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    #[serde(default)]
    pub jwks_uri: Option<String>,
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    /// True if every authorization response contains `iss`.
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub promises_iss: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Optional<Vec<String>>,
}

/// Reason that metadata cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidMetadata {
    #[error("the metadata is not a JSON object with the endpoints of a provider")]
    Form,
    #[error("the metadata belongs to another issuer")]
    Issuer,
    #[error("an endpoint in the metadata is not an https URL")]
    Endpoint,
}

impl Metadata {
    /// Returns the metadata of a built-in provider.
    pub fn known(issuer: &str, authorization: &str, token: &str, jwks: Option<&str>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: authorization.to_owned(),
            token_endpoint: token.to_owned(),
            jwks_uri: jwks.map(str::to_owned),
            userinfo_endpoint: None,
            promises_iss: false,
            token_endpoint_auth_methods_supported: Optional::Absent,
        }
    }

    /// Returns the URL at which `issuer` publishes its metadata (OpenID Connect Discovery, section 4).
    pub fn url(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Parses the metadata of `issuer`. Its `issuer` must equal the text that the operator configured (section 4.3). Its
    /// endpoints must be https, or on this machine if the issuer is.
    pub fn read(json: &[u8], issuer: &str) -> Result<Self, InvalidMetadata> {
        let metadata: Self = crate::json::object(json).map_err(|_| InvalidMetadata::Form)?;
        if metadata.issuer != issuer {
            return Err(InvalidMetadata::Issuer);
        }
        if metadata.has_safe_endpoints(is_loopback(issuer)) {
            Ok(metadata)
        } else {
            Err(InvalidMetadata::Endpoint)
        }
    }

    fn has_safe_endpoints(&self, local: bool) -> bool {
        let required = [Some(&self.authorization_endpoint), Some(&self.token_endpoint)];
        let optional = [self.jwks_uri.as_ref(), self.userinfo_endpoint.as_ref()];
        let mut all = required.into_iter().chain(optional).flatten();
        all.all(|url| is_https(url) || (local && is_loopback(url)))
    }

    /// Returns the method by which the token endpoint accepts the client secret.
    pub fn client_auth(&self) -> ClientAuth {
        let methods = self.token_endpoint_auth_methods_supported.clone();
        let methods =
            methods.get("provider metadata", "token_endpoint_auth_methods_supported").unwrap_or_default();
        let takes = |name: &str| methods.iter().any(|method| method == name);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            ClientAuth::Post
        } else {
            ClientAuth::Basic
        }
    }

    /// Returns true if `iss` names this provider. If each tenant is a separate issuer, the issuer contains `{tenantid}`, and
    /// `iss` must have `tenant` there. Without a `tenant`, any tenant matches.
    pub fn is_issuer(&self, iss: &str, tenant: Option<&str>) -> bool {
        match (self.issuer.split_once("{tenantid}"), tenant) {
            (None, _) => iss == self.issuer,
            (Some((before, after)), Some(tenant)) => {
                is_tenant(tenant) && iss == format!("{before}{tenant}{after}")
            }
            (Some((before, after)), None) => {
                iss.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_tenant)
            }
        }
    }
}

/// Returns true if `text` is a UUID, the form of a tenant.
fn is_tenant(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Returns true if `text` is an https URL without a user.
pub(super) fn is_https(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty())
}

/// Returns true if `text` is a URL on this machine.
pub(super) fn is_loopback(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.scheme() == "http"
            && match url.host() {
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://id.example.com";

    fn document() -> serde_json::Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.com/authorize",
            "token_endpoint": "https://id.example.com/token",
            "jwks_uri": "https://keys.example.com/jwks",
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn read(name: &str, value: serde_json::Value) -> Result<Metadata, InvalidMetadata> {
        let mut document = document();
        document[name] = value;
        Metadata::read(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn metadata_is_of_the_configured_issuer_and_https() {
        assert!(read("x", json!(1)).is_ok_and(|metadata| metadata.promises_iss));
        for other in ["https://id.example.com/", "https://ID.example.com", "https://evil.example", ""] {
            assert_eq!(read("issuer", json!(other)).err(), Some(InvalidMetadata::Issuer), "{other}");
        }
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
            for bad in [
                "http://id.example.com/x",
                "http://169.254.169.254/",
                "http://localhost/",
                "javascript:x",
                "/x",
            ] {
                assert_eq!(read(name, json!(bad)).err(), Some(InvalidMetadata::Endpoint), "{name} {bad}");
            }
        }
        assert_eq!(read("token_endpoint", json!(7)).err(), Some(InvalidMetadata::Form));
        assert_eq!(Metadata::read(b"[]", ISSUER).err(), Some(InvalidMetadata::Form));
    }

    #[test]
    fn the_metadata_decides_how_the_secret_is_sent() {
        let auth = |value| read("token_endpoint_auth_methods_supported", value).map(|m| m.client_auth());
        assert_eq!(auth(json!(["client_secret_post"])), Ok(ClientAuth::Post));
        for methods in [json!(["client_secret_basic", "client_secret_post"]), json!([]), json!(null)] {
            assert_eq!(auth(methods), Ok(ClientAuth::Basic));
        }
    }

    #[test]
    fn a_tenant_takes_its_place_in_the_issuer() {
        let metadata = Metadata::known("https://login.example.com/{tenantid}/v2.0", "", "", None);
        let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
        let issuer = format!("https://login.example.com/{tenant}/v2.0");
        assert!(metadata.is_issuer(&issuer, Some(tenant)) && metadata.is_issuer(&issuer, None));
        assert!(!metadata.is_issuer(&issuer, Some("00000000-0000-0000-0000-000000000000")));
        for bad in [
            "https://login.example.com/{tenantid}/v2.0",
            "https://login.example.com/x/v2.0",
            &metadata.issuer,
        ] {
            assert!(!metadata.is_issuer(bad, Some(tenant)) && !metadata.is_issuer(bad, None), "{bad}");
        }
        assert!(!metadata.is_issuer("https://login.example.com/../v2.0", Some("..")));
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(json in "\\PC*|[\\[\\]{}\":,a-z0-9]{0,60}") {
            let _ = Metadata::read(json.as_bytes(), ISSUER);
        }
    }
}

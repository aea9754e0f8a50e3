use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::id_token::IdToken;
use super::metadata::Metadata;
use super::profile::Profile;
use super::providers::apple::AppleKey;
use crate::Timestamp;
use crate::model::identity::ProviderName;

/// Provider that the operator has configured: its endpoints, the client registered there, and its deviations from the standard.
pub struct Provider {
    pub(super) name: ProviderName,
    pub(super) label: String,
    pub(super) client_id: String,
    pub(super) secret: Secret,
    pub(super) client_auth: ClientAuth,
    pub(super) place: Location,
    pub(super) scopes: &'static [&'static str],
    pub(super) offline: Offline,
    /// Additional parameters of the authorization request.
    pub(super) extra: &'static [(&'static str, &'static str)],
    pub(super) pkce: bool,
    pub(super) nonce: bool,
    /// True if the response is a form that the browser posts, which crosses sites, instead of a redirect.
    pub(super) form_post: bool,
    pub(super) source: Source,
}

/// Location of a provider's endpoints.
pub(super) enum Location {
    /// Built in.
    Known(Box<Metadata>),
    /// Discovered from this issuer (OpenID Connect Discovery).
    Issuer(String),
}

/// Client secret for the token endpoint.
pub(super) enum Secret {
    Fixed(SecretString),
    /// Signed for each request.
    Apple(Box<AppleKey>),
}

/// Method by which the secret is sent (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Basic,
    Post,
    /// As the metadata states; Basic by default.
    Discovered,
}

/// Condition under which a provider issues a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offline {
    /// None: it always or never issues one.
    Asis,
    Scope(&'static str),
    Parameter(&'static str, &'static str),
}

/// Source of a person's identity at a provider.
pub(super) enum Source {
    /// The ID token. If `userinfo` is set, the userinfo endpoint adds missing values.
    IdToken { map: fn(&IdToken) -> Profile, userinfo: bool },
    /// Responses of its API, all requested at once with the access token.
    Api { urls: &'static [&'static str], map: fn(&[Vec<u8>]) -> Option<Profile> },
}

impl Provider {
    /// Returns its name in routes and in the store.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Returns its display name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns true if the response is a form that the browser posts from the provider's page.
    pub fn posts_its_answer(&self) -> bool {
        self.form_post
    }

    /// Returns an OpenID provider that follows the standard.
    pub(super) fn openid(name: ProviderName, client: Client, place: Location) -> Self {
        Self {
            label: name.to_string(),
            name,
            client_id: client.id,
            secret: Secret::Fixed(client.secret),
            client_auth: ClientAuth::Post,
            place,
            scopes: &["openid", "email", "profile"],
            offline: Offline::Asis,
            extra: &[],
            pkce: true,
            nonce: true,
            form_post: false,
            source: Source::IdToken { map: Profile::from_claims, userinfo: false },
        }
    }

    /// Returns the client secret to send at `now`.
    pub(super) fn client_secret(&self, now: Timestamp) -> SecretString {
        match &self.secret {
            Secret::Fixed(secret) => secret.expose_secret().into(),
            Secret::Apple(key) => key.client_secret(&self.client_id, now),
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Client that is registered at a provider.
pub(super) struct Client {
    pub id: String,
    pub secret: SecretString,
}

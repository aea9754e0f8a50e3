use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::id_token::IdToken;
use super::metadata::Metadata;
use super::profile::Profile;
use super::providers::apple::AppleKey;
use crate::Timestamp;
use crate::model::identity::ProviderName;

/// A provider that the operator has configured: where it is, who we are to it, and what it does in its own way.
pub struct Provider {
    pub(super) name: ProviderName,
    pub(super) label: String,
    pub(super) client_id: String,
    pub(super) secret: Secret,
    pub(super) client_auth: ClientAuth,
    pub(super) place: Location,
    pub(super) scopes: &'static [&'static str],
    pub(super) offline: Offline,
    /// More parameters of the authorization request.
    pub(super) extra: &'static [(&'static str, &'static str)],
    pub(super) pkce: bool,
    pub(super) nonce: bool,
    /// It answers by a form that the browser posts, which crosses sites, rather than by a redirect.
    pub(super) form_post: bool,
    pub(super) source: Source,
}

/// Where a provider is.
pub(super) enum Location {
    /// Known beforehand.
    Known(Box<Metadata>),
    /// To be found out from this issuer (OpenID Connect Discovery).
    Issuer(String),
}

/// How the token endpoint knows us.
pub(super) enum Secret {
    Fixed(SecretString),
    /// Signed anew each time.
    Apple(Box<AppleKey>),
}

/// How the secret travels (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Basic,
    Post,
    /// As the metadata says; Basic where it says nothing.
    Discovered,
}

/// What a provider wants to hear before it gives a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offline {
    /// It gives one anyway, or never.
    Asis,
    Scope(&'static str),
    Parameter(&'static str, &'static str),
}

/// Where a provider says who the person is.
pub(super) enum Source {
    /// In the ID token; what that leaves out, in the response of its userinfo endpoint where `userinfo` is set.
    IdToken { map: fn(&IdToken) -> Profile, userinfo: bool },
    /// In answers of its API, asked for all at once with the access token.
    Api { urls: &'static [&'static str], map: fn(&[Vec<u8>]) -> Option<Profile> },
}

impl Provider {
    /// Its name in routes and in the store.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Its name for people.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it answers by a form that the browser posts from the provider's page.
    pub fn posts_its_answer(&self) -> bool {
        self.form_post
    }

    /// An OpenID provider that keeps to the standard.
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

    /// The client secret as it is sent at `now`.
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

/// Who we are to a provider.
pub(super) struct Client {
    pub id: String,
    pub secret: SecretString,
}

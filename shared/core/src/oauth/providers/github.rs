//! <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>. Not an OpenID provider: the
//! identity of the person comes from its API. Errors of its token endpoint have status 200.

use serde::Deserialize;

use super::super::id_token::Truth;
use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Location, Provider, Source};
use crate::json::{self, Optional};

pub(in super::super) fn provider(client: Client) -> Provider {
    let metadata = Metadata::known(
        "https://github.com/login/oauth",
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        None,
    );
    Provider {
        label: "GitHub".to_owned(),
        // The public profile needs no scope.
        scopes: &["user:email"],
        nonce: false,
        source: Source::Api {
            urls: &["https://api.github.com/user", "https://api.github.com/user/emails"],
            map: profile,
        },
        ..Provider::openid(super::name("github"), client, Location::Known(Box::new(metadata)))
    }
}

#[derive(Deserialize)]
struct User {
    /// Numeric identifier. The login name can pass to another person.
    id: u64,
    #[serde(default)]
    login: Optional<String>,
    #[serde(default)]
    name: Optional<String>,
    #[serde(default)]
    avatar_url: Optional<String>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    email: Optional<String>,
    #[serde(default)]
    primary: Truth,
    #[serde(default)]
    verified: Truth,
}

pub(super) fn profile(answers: &[Vec<u8>]) -> Option<Profile> {
    const OF: &str = "a GitHub user";
    let [user, addresses] = answers else { return None };
    let user: User = json::object(user).ok()?;
    let addresses: Vec<Address> = json::read(addresses).ok()?;
    let is_theirs = |address: &Address| address.primary == Truth::Yes && address.verified == Truth::Yes;
    let primary = addresses.into_iter().find(is_theirs);
    Some(Profile {
        subject: user.id.to_string().parse().ok()?,
        verified_email: primary.and_then(|address| address.email.get("a GitHub address", "email")),
        name: user.name.get(OF, "name"),
        username: user.login.get(OF, "login"),
        avatar: user.avatar_url.get(OF, "avatar_url"),
    })
}

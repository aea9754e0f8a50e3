//! <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>. No OpenID provider: who the person
//! is stands in its API, and errors of its token endpoint come with status 200.

use serde::Deserialize;

use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Place, Provider, Source};

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
        ..Provider::openid(super::name("github"), client, Place::Known(Box::new(metadata)))
    }
}

#[derive(Deserialize)]
struct User {
    /// A number: the login can change hands.
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

pub(super) fn profile(answers: &[Vec<u8>]) -> Option<Profile> {
    let [user, addresses] = answers else { return None };
    let user: User = serde_json::from_slice(user).ok()?;
    let addresses: Vec<Address> = serde_json::from_slice(addresses).ok()?;
    let primary = addresses.into_iter().find(|address| address.primary && address.verified);
    Some(Profile {
        subject: user.id.to_string().parse().ok()?,
        verified_email: primary.map(|address| address.email),
        name: user.name,
        username: Some(user.login),
        avatar: user.avatar_url,
    })
}

//! <https://discord.com/developers/docs/topics/oauth2>. No OpenID provider: who the person is stands in its API.

use serde::Deserialize;

use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Place, Provider, Source};

pub(in super::super) fn provider(client: Client) -> Provider {
    let metadata = Metadata::known(
        "https://discord.com",
        "https://discord.com/oauth2/authorize",
        "https://discord.com/api/oauth2/token",
        None,
    );
    Provider {
        label: "Discord".to_owned(),
        scopes: &["identify", "email"],
        nonce: false,
        source: Source::Api { urls: &["https://discord.com/api/v10/users/@me"], map: profile },
        ..Provider::openid(super::name("discord"), client, Place::Known(Box::new(metadata)))
    }
}

#[derive(Deserialize)]
struct User {
    /// A number in a text, since it is too large for JavaScript.
    id: String,
    username: String,
    global_name: Option<String>,
    avatar: Option<String>,
    email: Option<String>,
    #[serde(default)]
    verified: bool,
}

pub(super) fn profile(answers: &[Vec<u8>]) -> Option<Profile> {
    let user: User = serde_json::from_slice(answers.first()?).ok()?;
    if user.id.is_empty() || !user.id.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let plain = |hash: &String| hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let avatar = user.avatar.filter(plain);
    Some(Profile {
        verified_email: user.email.filter(|_| user.verified),
        name: user.global_name.or_else(|| Some(user.username.clone())),
        username: Some(user.username),
        avatar: avatar.map(|hash| format!("https://cdn.discordapp.com/avatars/{}/{hash}.png", user.id)),
        subject: user.id.parse().ok()?,
    })
}

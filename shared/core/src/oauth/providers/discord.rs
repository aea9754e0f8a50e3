//! <https://discord.com/developers/docs/topics/oauth2>. Not an OpenID provider: the identity of the person comes from its API.

use serde::Deserialize;

use super::super::id_token::Truth;
use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Location, Provider, Source};
use crate::json::{self, Optional};

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
        ..Provider::openid(super::name("discord"), client, Location::Known(Box::new(metadata)))
    }
}

#[derive(Deserialize)]
struct User {
    /// Number as a text, because it is too large for JavaScript.
    id: String,
    #[serde(default)]
    username: Optional<String>,
    #[serde(default)]
    global_name: Optional<String>,
    #[serde(default)]
    avatar: Optional<String>,
    #[serde(default)]
    email: Optional<String>,
    #[serde(default)]
    verified: Truth,
}

pub(super) fn profile(answers: &[Vec<u8>]) -> Option<Profile> {
    const OF: &str = "a Discord user";
    let user: User = json::object(answers.first()?).ok()?;
    if user.id.is_empty() || !user.id.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let plain = |hash: &String| hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let avatar = user.avatar.get(OF, "avatar").filter(plain);
    let username = user.username.get(OF, "username");
    Some(Profile {
        verified_email: user.email.get(OF, "email").filter(|_| user.verified == Truth::Yes),
        name: user.global_name.get(OF, "global_name").or_else(|| username.clone()),
        username,
        avatar: avatar.map(|hash| format!("https://cdn.discordapp.com/avatars/{}/{hash}.png", user.id)),
        subject: user.id.parse().ok()?,
    })
}

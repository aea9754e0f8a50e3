//! Any OpenID provider, by its issuer: <https://openid.net/specs/openid-connect-discovery-1_0.html>

use super::super::profile::Profile;
use super::super::provider::{Client, ClientAuth, Location, Offline, Provider, Source};
use crate::model::identity::ProviderName;

pub(in super::super) fn provider(
    name: ProviderName,
    label: Option<String>,
    client: Client,
    issuer: String,
) -> Provider {
    Provider {
        label: label.unwrap_or_else(|| name.to_string()),
        client_auth: ClientAuth::Discovered,
        offline: Offline::Scope("offline_access"),
        source: Source::IdToken { map: Profile::from_claims, userinfo: true },
        ..Provider::openid(name, client, Location::Issuer(issuer))
    }
}

//! <https://developers.google.com/identity/openid-connect/openid-connect>

use super::super::metadata::Metadata;
use super::super::provider::{Client, Location, Offline, Provider};

pub(in super::super) fn provider(client: Client) -> Provider {
    let metadata = Metadata::known(
        "https://accounts.google.com",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        Some("https://www.googleapis.com/oauth2/v3/certs"),
    );
    Provider {
        label: "Google".to_owned(),
        offline: Offline::Parameter("access_type", "offline"),
        ..Provider::openid(super::name("google"), client, Location::Known(Box::new(metadata)))
    }
}

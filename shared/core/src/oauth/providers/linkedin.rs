//! <https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2>

use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Location, Provider, Source};

pub(in super::super) fn provider(client: Client) -> Provider {
    let mut metadata = Metadata::known(
        "https://www.linkedin.com/oauth",
        "https://www.linkedin.com/oauth/v2/authorization",
        "https://www.linkedin.com/oauth/v2/accessToken",
        Some("https://www.linkedin.com/oauth/openid/jwks"),
    );
    // Its ID tokens have `email_verified` as a text, which does not count. The userinfo endpoint has a boolean.
    metadata.userinfo_endpoint = Some("https://api.linkedin.com/v2/userinfo".to_owned());
    Provider {
        label: "LinkedIn".to_owned(),
        // If a client with a secret sends a `code_verifier`, LinkedIn responds with `invalid_client`; it supports PKCE for
        // native apps only. It also leaves the nonce out of ID tokens. An authorization request is therefore bound by its state
        // alone.
        pkce: false,
        nonce: false,
        source: Source::IdToken { map: Profile::from_claims, userinfo: true },
        ..Provider::openid(super::name("linkedin"), client, Location::Known(Box::new(metadata)))
    }
}

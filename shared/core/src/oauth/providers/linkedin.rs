//! <https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2>

use super::super::metadata::Metadata;
use super::super::provider::{Client, Place, Provider};

pub(in super::super) fn provider(client: Client) -> Provider {
    let metadata = Metadata::known(
        "https://www.linkedin.com/oauth",
        "https://www.linkedin.com/oauth/v2/authorization",
        "https://www.linkedin.com/oauth/v2/accessToken",
        Some("https://www.linkedin.com/oauth/openid/jwks"),
    );
    Provider {
        label: "LinkedIn".to_owned(),
        // To a client with a secret that sends a `code_verifier` it answers `invalid_client`; PKCE is for native apps there. And
        // it leaves the nonce out of ID tokens. So a flow is bound by its state alone.
        pkce: false,
        nonce: false,
        ..Provider::openid(super::name("linkedin"), client, Place::Known(Box::new(metadata)))
    }
}

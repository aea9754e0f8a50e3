use std::time::Duration;

use secrecy::SecretString;

use crate::model::identity::ProviderRefreshToken;

/// Tokens that a provider gives for a [`ProviderRefreshToken`].
#[derive(Debug, Clone)]
pub struct ProviderTokens {
    /// Access token for the provider's API.
    pub access_token: SecretString,
    /// Lifetime of the access token, if the provider sends it.
    pub expires_in: Option<Duration>,
    /// Scope of the access token, as the provider writes it.
    pub scope: Option<String>,
    /// Replacement of the refresh token, if the provider rotates refresh tokens.
    pub renewed: Option<ProviderRefreshToken>,
}

use std::time::Duration;

use secrecy::SecretString;

use crate::model::identity::ProviderRefreshToken;

/// What a provider gives for the refresh token of a [`ProviderRefreshToken`].
#[derive(Debug, Clone)]
pub struct ProviderTokens {
    /// Speaks to the provider's API.
    pub access_token: SecretString,
    /// How long the access token is good for, where the provider says so.
    pub expires_in: Option<Duration>,
    /// What it is good for, in the provider's own words.
    pub scope: Option<String>,
    /// Takes the place of the former refresh token, where the provider rotates refresh tokens.
    pub renewed: Option<ProviderRefreshToken>,
}

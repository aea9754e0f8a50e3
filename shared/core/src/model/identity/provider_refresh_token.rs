use secrecy::SecretString;

/// Refresh token of a provider, used to act for a person later. It never leaves the server.
#[derive(Debug, Clone)]
pub struct ProviderRefreshToken {
    /// Text of the token.
    pub refresh_token: SecretString,
}

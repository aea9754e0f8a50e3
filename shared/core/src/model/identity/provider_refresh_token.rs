use secrecy::SecretString;

/// What a provider gives to act for a person later: its refresh token. It never leaves the server.
#[derive(Debug, Clone)]
pub struct ProviderRefreshToken {
    /// The provider's refresh token.
    pub refresh_token: SecretString,
}

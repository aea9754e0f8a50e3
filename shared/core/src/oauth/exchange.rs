//! Requests to the token endpoint: a code, or a refresh token, for tokens (RFC 6749, sections 4.1.3 and 6).

use std::time::Duration;

use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::http::{self, Failure};
use super::metadata::Metadata;
use super::provider::{ClientAuth, Provider};
use crate::Timestamp;
use crate::json::{self, Optional};
use crate::port::Fetch;

/// Reason that a provider gave no tokens.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExchangeError {
    /// The code or the refresh token was refused: it is used, expired, or belongs to another client.
    #[error("the provider refused the code or the refresh token")]
    Grant,
    /// There was no usable response.
    #[error("the token endpoint: {0}")]
    Failed(Failure),
    /// The provider reports an error of this client.
    #[error("the token endpoint refused the request ({0}): check the client's id, secret and redirect URI")]
    Refused(&'static str),
}

/// Response of a token endpoint. Only the access token and the ID token are required to be valid; another member in an
/// unexpected form counts as absent. `oauth2` would require `token_type`, which not every provider sends, and refuse a lifetime
/// that is a text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Response")]
pub(super) struct Tokens {
    access_token: AccessToken,
    token_type: BasicTokenType,
    expires_in: Option<u64>,
    refresh_token: Option<RefreshToken>,
    scope: Option<String>,
    id_token: Option<AccessToken>,
}

/// Members as received.
#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    access_token: Optional<AccessToken>,
    #[serde(default)]
    token_type: Optional<BasicTokenType>,
    #[serde(default)]
    expires_in: Optional<Seconds>,
    #[serde(default)]
    refresh_token: Optional<RefreshToken>,
    #[serde(default)]
    scope: Optional<String>,
    #[serde(default)]
    id_token: Optional<AccessToken>,
}

/// Number of seconds. Some providers send it as a text, or with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(u64),
    Broken(f64),
    Text(String),
}

impl Seconds {
    fn whole(self) -> Option<u64> {
        let broken = match self {
            Self::Whole(seconds) => return Some(seconds),
            Self::Broken(seconds) => seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(broken).ok().map(|lifetime| lifetime.as_secs())
    }
}

/// Error: there is no access token, so the response is not usable.
#[derive(Debug, thiserror::Error)]
#[error("no usable access_token")]
struct NoAccessToken;

impl TryFrom<Response> for Tokens {
    type Error = NoAccessToken;
    fn try_from(response: Response) -> Result<Self, NoAccessToken> {
        const OF: &str = "a token response";
        Ok(Self {
            access_token: response.access_token.get(OF, "access_token").ok_or(NoAccessToken)?,
            token_type: response.token_type.get(OF, "token_type").unwrap_or(BasicTokenType::Bearer),
            expires_in: response.expires_in.get(OF, "expires_in").and_then(Seconds::whole),
            refresh_token: response.refresh_token.get(OF, "refresh_token"),
            scope: response.scope.get(OF, "scope"),
            id_token: response.id_token.get(OF, "id_token"),
        })
    }
}

impl TokenResponse for Tokens {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }
    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }
    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }
    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }
    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl Tokens {
    pub fn access(&self) -> SecretString {
        self.access_token.secret().as_str().into()
    }

    pub fn refresh(&self) -> Option<SecretString> {
        self.refresh_token.as_ref().map(|token| token.secret().as_str().into())
    }

    pub fn scope(&self) -> Option<String> {
        self.scope.clone()
    }

    pub fn id_token(&self) -> Option<&str> {
        self.id_token.as_ref().map(|token| token.secret().as_str())
    }
}

/// OAuth client for one provider.
pub(super) type OauthClient = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Returns the client for `provider`, whose responses come to `callback`. Fails if one of the addresses is not a URL.
pub(super) fn client(
    provider: &Provider,
    metadata: &Metadata,
    callback: String,
    now: Timestamp,
) -> Result<OauthClient, oauth2::url::ParseError> {
    let auth = match provider.client_auth {
        ClientAuth::Discovered => metadata.client_auth(),
        fixed => fixed,
    };
    let auth = if auth == ClientAuth::Basic { AuthType::BasicAuth } else { AuthType::RequestBody };
    Ok(Client::new(ClientId::new(provider.client_id.clone()))
        .set_client_secret(ClientSecret::new(provider.client_secret(now).expose_secret().to_owned()))
        .set_auth_type(auth)
        .set_auth_uri(AuthUrl::new(metadata.authorization_endpoint.clone())?)
        .set_token_uri(TokenUrl::new(metadata.token_endpoint.clone())?)
        .set_redirect_uri(RedirectUrl::new(callback)?))
}

/// Redeems a code.
pub(super) async fn redeem(
    client: &OauthClient,
    code: &SecretString,
    verifier: Option<&SecretString>,
    fetch: &dyn Fetch,
) -> Result<Tokens, ExchangeError> {
    let mut request = client.exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()));
    if let Some(verifier) = verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.expose_secret().to_owned()));
    }
    checked(request.request_async(&http::Client(fetch)).await)
}

/// Redeems a refresh token.
pub(super) async fn refresh(
    client: &OauthClient,
    token: &SecretString,
    fetch: &dyn Fetch,
) -> Result<Tokens, ExchangeError> {
    let token = RefreshToken::new(token.expose_secret().to_owned());
    checked(client.exchange_refresh_token(&token).request_async(&http::Client(fetch)).await)
}

type ExchangeResult = Result<Tokens, RequestTokenError<Failure, BasicErrorResponse>>;

fn checked(answer: ExchangeResult) -> Result<Tokens, ExchangeError> {
    match answer {
        Ok(tokens) if tokens.token_type.as_ref().eq_ignore_ascii_case("bearer") => Ok(tokens),
        Ok(_) => Err(ExchangeError::Refused("a token type that is not bearer")),
        Err(RequestTokenError::ServerResponse(error)) => Err(refusal(error.error())),
        Err(RequestTokenError::Request(error)) => Err(ExchangeError::Failed(error)),
        Err(RequestTokenError::Parse(_, body)) => Err(in_disguise(&body)),
        Err(RequestTokenError::Other(_)) => Err(ExchangeError::Failed(Failure::NoJson)),
    }
}

/// Returns the error by its standard name, without text from the provider.
fn refusal(kind: &BasicErrorResponseType) -> ExchangeError {
    match kind {
        BasicErrorResponseType::InvalidGrant => ExchangeError::Grant,
        BasicErrorResponseType::InvalidClient => ExchangeError::Refused("invalid_client"),
        BasicErrorResponseType::InvalidRequest => ExchangeError::Refused("invalid_request"),
        BasicErrorResponseType::InvalidScope => ExchangeError::Refused("invalid_scope"),
        BasicErrorResponseType::UnauthorizedClient => ExchangeError::Refused("unauthorized_client"),
        BasicErrorResponseType::UnsupportedGrantType => ExchangeError::Refused("unsupported_grant_type"),
        BasicErrorResponseType::Extension(name) => named(name),
    }
}

/// Returns the error for GitHub's own names. GitHub sends its errors with status 200.
fn named(name: &str) -> ExchangeError {
    match name {
        "bad_verification_code" | "bad_refresh_token" => ExchangeError::Grant,
        "incorrect_client_credentials" => ExchangeError::Refused("incorrect_client_credentials"),
        "redirect_uri_mismatch" => ExchangeError::Refused("redirect_uri_mismatch"),
        _ => ExchangeError::Refused("an error of the provider's own"),
    }
}

/// Returns the error of a response without tokens, whatever its status.
fn in_disguise(body: &[u8]) -> ExchangeError {
    match json::object::<BasicErrorResponse>(body) {
        Ok(error) => refusal(error.error()),
        Err(_) if json::object::<IgnoredAny>(body).is_ok() => {
            ExchangeError::Failed(Failure::Member("access_token"))
        }
        Err(_) => ExchangeError::Failed(Failure::NoJson),
    }
}

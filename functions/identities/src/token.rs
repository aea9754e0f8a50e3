use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use latchkey_core::ExposeSecret;
use latchkey_core::UserId;
use latchkey_core::account::{Authority, TokenVault, VaultError};
use latchkey_core::oauth::{ExchangeError, IdentifyError, Oauth, ProviderName, StartError};
use latchkey_http::{BearerOnly, Caller, ClientInfo, Description, Params, PathParam, Problem, json, private};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// User to act for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenParams {
    /// Identifier of the user.
    user: String,
}

/// An access token of the provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderToken {
    /// Token for the provider's API, on behalf of the user.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Lifetime in seconds, if the provider gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// Scope, if the provider gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

pub(crate) const TOKEN: Description = Description {
    id: "issue_provider_token",
    summary: "Get a provider's access token for a user",
    details: "Returns a new access token of the provider, for servers that act there on behalf of a user. It \
              is made with the stored provider refresh token, which is never returned. Needs \
              `LATCHKEY_PROVIDER_TOKENS=keep` and a permission that no role has by default. The caller sends \
              a bearer token, not a cookie, and must hold all permissions of the user, so nobody acts for a \
              user with more permissions.",
    responses: &[json::<ProviderToken>(200, "The token; needs `identities:token`")],
    problems: &[
        (400, "`invalid_request`: the user's identifier is invalid"),
        (
            403,
            "`account_disabled`: the user is disabled; `beyond_authority`: the user has permissions that the \
             caller lacks; `bearer_required`: the request has a cookie instead of a bearer token",
        ),
        (404, "No such user exists, or no refresh token of this provider is stored for them"),
        (409, "`provider_token_ended`: the user must sign in with the provider again"),
        (502, "`provider_failed` or `provider_refused`"),
        (504, "`provider_timeout`"),
    ],
};

pub(crate) async fn token(
    State(vault): State<Arc<TokenVault>>,
    State(oauth): State<Arc<Oauth>>,
    _: BearerOnly,
    caller: Caller,
    client: ClientInfo,
    PathParam(provider): PathParam<ProviderName>,
    Params(params): Params<TokenParams>,
) -> Result<Response, Problem> {
    let user: UserId =
        params.user.parse().map_err(|_| Problem::invalid("`user` must be a user's identifier"))?;
    let kept = vault.kept(user, &provider, Authority::Administrator(&caller)).await.map_err(not_kept)?;
    let tokens = oauth.refresh(&provider, &kept.issuer, &kept.refresh_token).await.map_err(not_renewed)?;
    // The next refresh token must be stored before the access token is handed out, because the provider may
    // have rotated it.
    vault.used(&kept, tokens.renewed.as_ref(), caller.user.id, &client.requester).await?;
    Ok(private(ProviderToken {
        access_token: tokens.access_token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: tokens.expires_in.map(|lifetime| lifetime.as_secs()),
        scope: tokens.scope,
    }))
}

fn not_kept(error: VaultError) -> Problem {
    let text = error.to_string();
    match error {
        VaultError::NotKept => Problem::not_found(text),
        VaultError::Disabled => Problem::new(StatusCode::FORBIDDEN, "account_disabled", text),
        VaultError::BeyondAuthority => Problem::new(StatusCode::FORBIDDEN, "beyond_authority", text),
        VaultError::Fault(fault) => fault.into(),
    }
}

fn not_renewed(error: StartError) -> Problem {
    match error {
        StartError::Provider(IdentifyError::Exchange(ExchangeError::Grant)) => Problem::new(
            StatusCode::CONFLICT,
            "provider_token_ended",
            "the provider no longer accepts the stored token; the user must sign in with the provider again",
        ),
        other => other.into(),
    }
}

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

/// Whose token.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenParams {
    /// The user, by their identifier.
    user: String,
}

/// An access token of the provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderToken {
    /// Speaks to the provider's API for the user.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How long it is good for, in seconds, where the provider says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    /// What it is good for, in the provider's own words, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

pub(crate) const TOKEN: Description = Description {
    id: "issue_provider_token",
    summary: "An access token of a user's provider",
    details: "For servers that act for a user at their provider: a fresh access token, for the refresh \
              token that was kept. The refresh token itself never leaves. Needs \
              `LATCHKEY_PROVIDER_TOKENS=keep`, and a permission that no role has until it is given one. The \
              caller brings a bearer token, not a cookie, and may do all that the user may: nobody acts for \
              somebody above them.",
    responses: &[json::<ProviderToken>(200, "The token; needs `identities:token`")],
    problems: &[
        (400, "`invalid_request`: the user"),
        (
            403,
            "`account_disabled`: the user's; `beyond_authority`: the user may do more than the caller; \
             `bearer_required`: the caller came with a cookie",
        ),
        (404, "No such user exists, or no token of this provider is kept for them"),
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
    // Before the token is given out: where the provider has rotated its refresh token, the next one must be kept.
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
            "the provider does not take the kept token any more: the user must sign in with it again",
        ),
        other => other.into(),
    }
}

//! The caller's identities at providers: list, link and unlink them; and the access tokens of providers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use latchkey_core::account::{Identity, IdentityLinking, UnlinkError};
use latchkey_core::oauth::ProviderName;
use latchkey_http::{
    Caller, ClientInfo, Description, Function, PageParams, Params, PathParam, Problem, Routes, bodiless,
    json, private,
};
use serde::Serialize;
use utoipa::ToSchema;

mod link;
mod token;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("identities")
        // Strongly consistent, because a user returns here from another process right after linking.
        .fresh(Method::GET, "/v1/identities", list, &LIST)
        .fresh(Method::DELETE, "/v1/identities/{provider}", unlink, &UNLINK)
        .permission(
            "identities:token",
            // The route is not a GET, because it may rotate the stored refresh token.
            Method::POST,
            "/v1/identities/{provider}/token",
            token::token,
            &token::TOKEN,
        )
        .fresh(Method::POST, "/v1/oauth/{provider}/link", link::link, &link::LINK)
        .into()
}

/// An identity at a provider.
#[derive(Serialize, ToSchema)]
pub struct IdentityBody {
    /// Name of the provider.
    #[schema(examples("github"))]
    provider: String,
    /// Issuer of the identity.
    #[schema(examples("https://github.com/login/oauth"))]
    issuer: String,
    /// Display name at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Username at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Picture at the provider, an https URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    /// E-mail address at the provider, if the provider verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Time of linking (RFC 3339).
    linked_at: String,
    /// Time of the last sign-in with it, to within a minute (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sign_in: Option<String>,
}

impl From<Identity> for IdentityBody {
    fn from(identity: Identity) -> Self {
        let profile = identity.profile;
        Self {
            provider: identity.provider.to_string(),
            issuer: identity.issuer.to_string(),
            name: profile.name.map(String::from),
            username: profile.username.map(String::from),
            avatar: profile.avatar.map(String::from),
            email: profile.email.map(String::from),
            linked_at: identity.linked_at.to_string(),
            last_sign_in: identity.last_sign_in.map(|at| at.to_string()),
        }
    }
}

/// The caller's identities, by the names of their providers.
#[derive(Serialize, ToSchema)]
pub struct IdentityList {
    /// At most 10, one for each provider.
    identities: Vec<IdentityBody>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

const LIST: Description = Description {
    id: "list_identities",
    summary: "List identities",
    details: "The providers that the caller can sign in with, each with the profile that it last reported.",
    responses: &[json::<IdentityList>(200, "The identities")],
    problems: &[(400, "`invalid_request`: the limit is not 1 to 200")],
};

async fn list(
    State(identities): State<Arc<IdentityLinking>>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let identities = identities.list(&caller.user).await?;
    let all = identities.into_iter().map(IdentityBody::from).collect();
    let (identities, next) = params.of(all, |identity: &IdentityBody| identity.provider.clone())?;
    Ok(private(IdentityList { identities, next }))
}

const UNLINK: Description = Description {
    id: "unlink_identity",
    summary: "Unlink an identity",
    details: "Afterwards the caller cannot sign in with this provider, and another account can link the \
              identity. Needs a sign-in within the last 10 minutes, and a password or another provider to \
              sign in with.",
    responses: &[bodiless(204, "Unlinked")],
    problems: &[
        (403, "`reauthentication_required`: sign in again first"),
        (404, "No identity of this provider is linked"),
        (409, "`last_way_in`"),
    ],
};

async fn unlink(
    State(identities): State<Arc<IdentityLinking>>,
    caller: Caller,
    client: ClientInfo,
    PathParam(provider): PathParam<ProviderName>,
) -> Result<Response, Problem> {
    identities.unlink(&caller, &provider, &client.requester).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn problem(error: UnlinkError) -> Problem {
    let text = error.to_string();
    match error {
        UnlinkError::Reauthentication(error) => error.into(),
        UnlinkError::NotLinked => Problem::not_found(text),
        UnlinkError::LastWayIn => Problem::new(StatusCode::CONFLICT, "last_way_in", text),
        UnlinkError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;

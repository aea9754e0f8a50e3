use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use latchkey_core::account::{ProviderSignIn, RedeemError, Redemption};
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::session::{Opening, Transport};
use latchkey_core::{Config, SecretString};
use latchkey_http::{Body, ClientInfo, Description, Problem, Replaced, SignedInBody, json, signed_in};
use serde::Deserialize;
use utoipa::ToSchema;

/// A one-time code, and the proof that it belongs to the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRequest {
    /// `code` that the app received.
    #[schema(value_type = String)]
    code: SecretString,
    /// Verifier from which the app made its `code_challenge`.
    #[schema(value_type = String)]
    code_verifier: SecretString,
    /// URL at which the app received the code. If present, it must equal the URL that the code was sent to.
    redirect_to: Option<String>,
}

pub(crate) const EXCHANGE: Description = Description {
    id: "exchange_code",
    summary: "Exchange a one-time code",
    details: "Exchanges a one-time code for a session, for an app that holds its own tokens. A code is valid \
              once and for 60 s. A wrong verifier uses it up. A second exchange ends the session of the first.",
    responses: &[json::<SignedInBody>(200, "Signed in")],
    problems: &[
        (401, "`invalid_signin_code`: begin the sign-in again"),
        (429, "`rate_limited`: `Retry-After` gives the waiting time"),
    ],
};

pub(crate) async fn exchange(
    State(sign_in): State<Arc<ProviderSignIn>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    client: ClientInfo,
    Replaced(replaces): Replaced,
    Body(request): Body<ExchangeRequest>,
) -> Result<Response, Problem> {
    let subjects = [Subject::Address(Action::Public, &client.address)];
    let admitted = limiter.admit(&subjects).await?;
    let ExchangeRequest { code, code_verifier: verifier, redirect_to } = request;
    let opening = Opening { transport: Transport::Bearer, replaces, from: &client.requester };
    let redemption = Redemption { code, verifier, redirect_to };
    let begun = sign_in.redeem_code(&redemption, &opening).await.map_err(problem)?;
    Ok(signed_in(StatusCode::OK, &begun, &admitted, &config))
}

fn problem(error: RedeemError) -> Problem {
    match error {
        RedeemError::Invalid { is_audited } => {
            let text = "the code is expired, used, or not for this app; begin the sign-in again";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "invalid_signin_code", text);
            if is_audited { problem.noted() } else { problem }
        }
        RedeemError::Fault(fault) => fault.into(),
    }
}

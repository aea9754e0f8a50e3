//! `POST /v1/signin`: checks a password and begins a session.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use latchkey_core::account::{PasswordSignIn, SignIn, SignInError};
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::password::Password;
use latchkey_core::session::Opening;
use latchkey_core::{Config, Email, SecretString};
use latchkey_http::{
    Body, ClientInfo, Description, DeviceCookies, Function, Problem, Replaced, Routes, SignedInBody,
    TransportName, json, signed_in,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("signin").public(Method::POST, "/v1/signin", signin, &SIGN_IN).into()
}

/// Credentials of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// E-mail address of the account.
    #[schema(format = Email, examples("ada@example.com"))]
    email: String,
    /// Password of the account.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Transport of the tokens.
    #[serde(default)]
    transport: TransportName,
}

const SIGN_IN: Description = Description {
    id: "sign_in",
    summary: "Sign in",
    details: "Begins a session. The response to an unknown address, to a wrong password and to any password \
              of a locked account is the same, and takes the same work. Five wrong passwords in a row lock \
              the account for 15 minutes, and each further five for twice as long, up to a day. After 100 no \
              password is tried until the operator unlocks the account. A browser that signed in to the \
              account before passes the lock by its device cookie. Limits: 5 requests a minute from one \
              address; for one e-mail address, with or without an account, 10 in 15 minutes and 50 a day.",
    responses: &[json::<SignedInBody>(200, "Signed in")],
    problems: &[
        (401, "`invalid_credentials`"),
        (
            403,
            "`account_disabled`: the password is right, but the account is disabled; `cross_site_cookies`: a \
             page on another site asks for cookies",
        ),
        (422, "`invalid_email`"),
        (429, "`rate_limited`: `Retry-After` gives the waiting time"),
    ],
};

#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn signin(
    State(service): State<Arc<PasswordSignIn>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    client: ClientInfo,
    Replaced(replaces): Replaced,
    headers: HeaderMap,
    devices: DeviceCookies,
    Body(request): Body<SignInRequest>,
) -> Result<Response, Problem> {
    let transport = request.transport.usable_from(&headers)?;
    let opening = Opening { transport, replaces, from: &client.requester };
    let email: Result<Email, _> = request.email.parse();
    let email = email.map_err(|error| Problem::unprocessable("invalid_email", error.to_string()))?;
    let device = devices.of(&email);
    let by = |action| match &device {
        // Other people cannot use up the limits of a browser that signed in to this account before.
        Some(device) => Subject::Device(action, device.id()),
        None => Subject::Email(action, &email),
    };
    let subjects = [
        Subject::Address(Action::Signin, &client.address),
        by(Action::SigninEmail),
        by(Action::SigninEmailDay),
    ];
    let admitted = limiter.admit(&subjects).await?;
    let sign_in = SignIn { email, password: Password::new(&request.password), device };
    let begun = service.sign_in(sign_in, &opening).await.map_err(problem)?;
    let mut response = signed_in(StatusCode::OK, &begun, &admitted, &config);
    devices.remember(&begun, response.headers_mut());
    Ok(response)
}

fn problem(error: SignInError) -> Problem {
    let text = error.to_string();
    match error {
        SignInError::InvalidCredentials => {
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_credentials", text)
        }
        // The commit that refused wrote the event.
        SignInError::Disabled => Problem::new(StatusCode::FORBIDDEN, "account_disabled", text).noted(),
        SignInError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;

//! `POST /v1/signup`: creates an account and signs it in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use latchkey_core::account::{CheckedSignUp, Name, Registration, SignUp, SignUpError};
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::password::Password;
use latchkey_core::session::{Opening, Transport};
use latchkey_core::{Config, Email, SecretString};
use latchkey_http::{
    Body, ClientInfo, Description, DeviceCookies, Function, Problem, Replaced, Routes, SignedInBody,
    TransportName, json, signed_in,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Returns this operation.
pub fn function() -> Function {
    Routes::new("signup").public(Method::POST, "/v1/signup", signup, &SIGN_UP).into()
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpRequest {
    /// E-mail address for signing in.
    #[schema(format = Email, examples("ada@example.com"))]
    email: String,
    /// Password: at least 8 characters and at most 256 bytes, without control characters. Refused are common
    /// passwords, repetitions, keyboard walks, and passwords made of the e-mail address or the name.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Display name: 1 to 100 characters.
    name: Option<String>,
    /// Transport of the tokens.
    #[serde(default)]
    transport: TransportName,
}

const SIGN_UP: Description = Description {
    id: "sign_up",
    summary: "Sign up",
    details: "Creates an account and its first session. Limits: 3 sign-ups in 15 minutes from one address and \
              5 an hour for one e-mail address; in addition 20 refused ones in 15 minutes from one address.",
    responses: &[json::<SignedInBody>(201, "The account is created and signed in")],
    problems: &[
        (403, "`cross_site_cookies`: a page on another site asks for cookies"),
        (409, "`email_taken`: the address has an account"),
        (422, "`invalid_email`, `invalid_name` or `weak_password`; `detail` gives the reason"),
        (429, "`rate_limited`: `Retry-After` gives the waiting time"),
    ],
};

#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn signup(
    State(registration): State<Arc<Registration>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    client: ClientInfo,
    Replaced(replaces): Replaced,
    headers: HeaderMap,
    devices: DeviceCookies,
    body: Result<Body<SignUpRequest>, Problem>,
) -> Result<Response, Problem> {
    let (sign_up, transport) = match body.and_then(|Body(request)| checked(request, &headers, &registration))
    {
        Ok(checked) => checked,
        // Refused sign-ups count in a window of their own: three weak passwords must not lock a person out.
        Err(refusal) => {
            limiter.admit(&[Subject::Address(Action::SignupRefused, &client.address)]).await?;
            return Err(refusal);
        }
    };
    if registration.asks_for_breaches() {
        // A breached password is not known yet at this point. Counting it in the other window would let
        // refused sign-ups use up the three allowed ones.
        limiter.admit(&[Subject::Address(Action::SignupRefused, &client.address)]).await?;
        registration.check_breaches(&sign_up).await.map_err(|weak| problem(weak.into()))?;
    }
    let opening = Opening { transport, replaces, from: &client.requester };
    let subjects = [
        Subject::Address(Action::Signup, &client.address),
        Subject::Email(Action::SignupEmail, sign_up.email()),
    ];
    let admitted = limiter.admit(&subjects).await?;
    let made = registration.sign_up(sign_up, &opening).await.map_err(problem)?;
    let mut response = signed_in(StatusCode::CREATED, &made, &admitted, &config);
    devices.remember(&made, response.headers_mut());
    Ok(response)
}

/// Returns the sign-up if everything about it is acceptable. The check runs before the count because its
/// result decides which window counts the sign-up. It costs less than the count, and no result is returned
/// uncounted.
fn checked(
    request: SignUpRequest,
    headers: &HeaderMap,
    registration: &Registration,
) -> Result<(CheckedSignUp, Transport), Problem> {
    let transport = request.transport.usable_from(headers)?;
    let sign_up = SignUp {
        email: request.email.parse::<Email>().map_err(|error| unprocessable("invalid_email", &error))?,
        password: Password::new(&request.password),
        name: name(request.name)?,
    };
    let sign_up = registration.check(sign_up).map_err(|error| problem(error.into()))?;
    Ok((sign_up, transport))
}

fn name(text: Option<String>) -> Result<Option<Name>, Problem> {
    text.map(|text| text.parse()).transpose().map_err(|error| unprocessable("invalid_name", &error))
}

fn unprocessable(code: &'static str, error: &impl ToString) -> Problem {
    Problem::unprocessable(code, error.to_string())
}

fn problem(error: SignUpError) -> Problem {
    match error {
        SignUpError::WeakPassword(weak) => unprocessable("weak_password", &weak),
        SignUpError::EmailTaken => Problem::new(
            StatusCode::CONFLICT,
            "email_taken",
            "this e-mail address already has an account; sign in instead",
        ),
        SignUpError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;

//! `POST /v1/signup`: makes an account and signs it in.

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

/// This operation, ready to be served.
pub fn function() -> Function {
    Routes::new("signup").public(Method::POST, "/v1/signup", signup, &SIGN_UP).into()
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpRequest {
    /// The address to sign in with.
    #[schema(format = Email, examples("ada@example.com"))]
    email: String,
    /// 8 characters to 256 bytes without control characters; not a common password, a repetition, a walk along the keyboard or
    /// made of the e-mail address or the name.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What the person is called: 1 to 100 characters.
    name: Option<String>,
    /// Where the tokens go.
    #[serde(default)]
    transport: TransportName,
}

const SIGN_UP: Description = Description {
    id: "sign_up",
    summary: "Sign up",
    details: "Makes an account and its first session. At most 3 in 15 minutes from one address and 5 in an \
              hour for one e-mail; besides, 20 refused ones in 15 minutes from one address.",
    responses: &[json::<SignedInBody>(201, "The account is made and signed in")],
    problems: &[
        (403, "`cross_site_cookies`: a page on another site asks for cookies"),
        (409, "`email_taken`: the address has an account"),
        (422, "`invalid_email`, `invalid_name` or `weak_password`, with the reason"),
        (429, "`rate_limited`: `Retry-After` says for how long"),
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
        // In a window of its own: three weak passwords must not lock a person out.
        Err(refusal) => {
            limiter.admit(&[Subject::Address(Action::SignupRefused, &client.address)]).await?;
            return Err(refusal);
        }
    };
    if registration.asks_for_breaches() {
        // Whether it will be refused is not known yet, and the three good ones are not to be used up by what is.
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

/// The sign-up, if nothing about it can be refused. It costs less than the count that follows: which window takes the sign-up hangs
/// on the outcome, and nobody learns the outcome uncounted.
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
            "this e-mail address has an account already; sign in instead",
        ),
        SignUpError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;

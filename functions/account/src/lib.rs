//! The caller's own account: show it, rename it, delete it, change its password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use latchkey_core::account::{
    Account, DeleteError, InvalidName, Name, OwnAccount, PasswordChange, PasswordChangeError,
};
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::password::{Password, WeakPassword};
use latchkey_core::session::{AuthenticateError, Opening};
use latchkey_core::{Config, SecretString};
use latchkey_http::{
    Body, Caller, ClientInfo, Description, DeviceCookies, Function, Problem, Routes, SignedInBody,
    TransportName, UserBody, bodiless, json, private, signed_in, signed_out,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// This operation, ready to be served.
pub fn function() -> Function {
    Routes::new("account")
        .fresh(Method::GET, "/v1/me", show, &SHOW)
        .fresh(Method::PATCH, "/v1/me", update, &UPDATE)
        .fresh(Method::DELETE, "/v1/me", delete, &DELETE)
        .fresh(Method::POST, "/v1/password/change", change_password, &CHANGE_PASSWORD)
        .into()
}

/// The caller's account.
#[derive(Serialize, ToSchema)]
pub struct AccountBody {
    /// The user.
    #[serde(flatten)]
    user: UserBody,
    /// True if the account has a password.
    has_password: bool,
    /// Names of the providers that the caller can sign in with.
    providers: Vec<String>,
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        Self {
            user: (&account.user).into(),
            has_password: account.login.credential.is_some(),
            providers: account.user.identities.keys().map(ToString::to_string).collect(),
        }
    }
}

const SHOW: Description = Description {
    id: "show_account",
    summary: "Your account",
    details: "The signed-in user as of now, with the ways to sign in.",
    responses: &[json::<AccountBody>(200, "The account")],
    problems: &[],
};

async fn show(State(own): State<Arc<OwnAccount>>, caller: Caller) -> Result<Response, Problem> {
    let account = own.show(&caller).await?.ok_or(AuthenticateError::Ended)?;
    Ok(private(AccountBody::from(&account)))
}

/// Changes of the caller's account. A member that is missing stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountUpdate {
    /// Name of the person, 1 to 100 characters; `null` removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, examples("Ada Lovelace"))]
    name: Change,
}

/// A member of a change (RFC 7396).
#[derive(Default)]
enum Change {
    /// It is missing: the value stays.
    #[default]
    Keep,
    /// It is `null`.
    Remove,
    /// It has a new value.
    Set(String),
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(value)?.map_or(Self::Remove, Self::Set))
    }
}

const UPDATE: Description = Description {
    id: "update_account",
    summary: "Change your account",
    details: "Changes the members that the body has (RFC 7396). Access tokens have no name, so none changes.",
    responses: &[json::<UserBody>(200, "Changed")],
    problems: &[(422, "`invalid_name`")],
};

async fn update(
    State(own): State<Arc<OwnAccount>>,
    caller: Caller,
    client: ClientInfo,
    Body(request): Body<AccountUpdate>,
) -> Result<Response, Problem> {
    let name: Option<Name> = match request.name {
        Change::Keep => return Ok(private(UserBody::from(&caller.user))),
        Change::Remove => None,
        Change::Set(text) => Some(
            text.parse()
                .map_err(|error: InvalidName| Problem::unprocessable("invalid_name", error.to_string()))?,
        ),
    };
    let user = own.rename(&caller, name.as_ref(), &client.requester).await?;
    Ok(private(UserBody::from(&user)))
}

const DELETE: Description = Description {
    id: "delete_account",
    summary: "Delete your account",
    details: "Removes the account, its identities and every session at once, and frees the address. Needs a \
              sign-in within the last 10 minutes. The audit log keeps its events until they expire.",
    responses: &[bodiless(204, "Deleted; the cookies are removed")],
    problems: &[
        (403, "`reauthentication_required`: sign in again first"),
        (409, "`last_admin`: make another admin first"),
    ],
};

async fn delete(
    State(own): State<Arc<OwnAccount>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    client: ClientInfo,
) -> Result<Response, Problem> {
    own.delete(&caller, &client.requester).await.map_err(|error| match error {
        DeleteError::Reauthentication(error) => Problem::from(error),
        DeleteError::Manage(error) => error.into(),
    })?;
    Ok(signed_out(&config))
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChangeRequest {
    /// Password until now. Left out where the account has none, because its owner signs in with a provider.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<SecretString>,
    /// Password from now on.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
    /// Place of the tokens of the new session.
    #[serde(default)]
    transport: TransportName,
}

const CHANGE_PASSWORD: Description = Description {
    id: "change_password",
    summary: "Change your password",
    details: "Ends every session of the account, this one too, and begins a new one, whose tokens are in the \
              response. A wrong current password counts like one at sign-in, with the same limits and locks. \
              An account without a password gets one after a sign-in within the last 10 minutes.",
    responses: &[json::<SignedInBody>(200, "Changed, and signed in anew")],
    problems: &[
        (
            403,
            "`wrong_password`: the current password is wrong, missing, or not tried now, since too many wrong \
             ones came; `reauthentication_required`: an account without a password needs a new sign-in; \
             `cross_site_cookies`",
        ),
        (422, "`weak_password`"),
        (429, "`rate_limited`: `Retry-After` says for how long"),
    ],
};

#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn change_password(
    State(own): State<Arc<OwnAccount>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    caller: Caller,
    client: ClientInfo,
    headers: HeaderMap,
    devices: DeviceCookies,
    Body(request): Body<PasswordChangeRequest>,
) -> Result<Response, Problem> {
    let transport = request.transport.usable_from(&headers)?;
    let email = &caller.user.email;
    let device = devices.of(email);
    let change = PasswordChange {
        current: request.current_password.as_ref().map(Password::new),
        new: Password::new(&request.new_password),
        device,
    };
    let change = own.check(&caller, change).map_err(|weak| weak_password(&weak))?;
    let by = |action| match &device {
        Some(device) => Subject::Device(action, device.id()),
        None => Subject::Email(action, email),
    };
    let subjects = [
        Subject::Address(Action::Signin, &client.address),
        by(Action::SigninEmail),
        by(Action::SigninEmailDay),
    ];
    let admitted = limiter.admit(&subjects).await?;
    let opening = Opening { transport, replaces: None, from: &client.requester };
    let begun = own.change_password(&caller, &change, &opening).await.map_err(problem)?;
    let mut response = signed_in(StatusCode::OK, &begun, &admitted, &config);
    devices.remember(&begun, response.headers_mut());
    Ok(response)
}

fn weak_password(weak: &WeakPassword) -> Problem {
    Problem::unprocessable("weak_password", weak.to_string())
}

fn problem(error: PasswordChangeError) -> Problem {
    match error {
        PasswordChangeError::WeakPassword(weak) => weak_password(&weak),
        // In the commit that refused it.
        PasswordChangeError::WrongPassword => {
            Problem::new(StatusCode::FORBIDDEN, "wrong_password", error.to_string()).noted()
        }
        PasswordChangeError::MissingPassword => {
            Problem::new(StatusCode::FORBIDDEN, "wrong_password", error.to_string())
        }
        PasswordChangeError::Reauthentication(error) => error.into(),
        PasswordChangeError::Ended => AuthenticateError::Ended.into(),
        PasswordChangeError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests;

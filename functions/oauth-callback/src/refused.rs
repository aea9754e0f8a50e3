use axum::http::StatusCode;
use latchkey_core::account::{IdentityError, LinkError};
use latchkey_core::audit::{Action, Actor, AuditLog, Requester};
use latchkey_core::oauth::{
    AuthorizationRequest, CallbackError, FinishError, ProviderName, Purpose, UseError,
};
use latchkey_http::Problem;

/// A refusal: the problem for the client, and the reason for the audit log unless its event is already
/// written.
pub struct Refused {
    pub problem: Problem,
    reason: Option<String>,
}

impl Refused {
    /// Creates a refusal with a reason for the audit log.
    pub fn because(reason: &str, problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), reason: Some(reason.to_owned()) }
    }

    /// Creates a refusal whose event is already written, or cannot be written because the store fails.
    fn noted(problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), reason: None }
    }

    fn new(status: StatusCode, code: &'static str, error: &impl std::fmt::Display) -> Self {
        Self::noted(Problem::new(status, code, error.to_string()))
    }

    /// Writes the audit event. The person is refused even if that fails.
    pub async fn report(
        &self,
        audit: &AuditLog,
        provider: &ProviderName,
        authorization: Option<&AuthorizationRequest>,
        from: &Requester,
    ) {
        let Some(reason) = &self.reason else { return };
        let actor = match authorization.map(AuthorizationRequest::purpose) {
            Some(Purpose::Link(ticket)) => Actor::User(ticket.user()),
            Some(Purpose::SignIn | Purpose::Code(_)) | None => Actor::Anonymous,
        };
        let written = match audit.event(Action::OauthFailed, actor, from) {
            Ok(mut event) => {
                event.details.insert("provider".to_owned(), provider.to_string());
                event.details.insert("reason".to_owned(), reason.clone());
                audit.append(&event).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::error!(%error, "an audit event was not written");
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::noted(problem)
    }
}

impl From<FinishError> for Refused {
    fn from(error: FinishError) -> Self {
        let reason = match &error {
            FinishError::Callback(CallbackError::State) => "invalid_state".to_owned(),
            FinishError::Callback(CallbackError::Issuer) => "issuer_mismatch".to_owned(),
            FinishError::Callback(CallbackError::Code) => "invalid_code".to_owned(),
            FinishError::Callback(CallbackError::Provider(_)) => "provider_error".to_owned(),
            FinishError::Identify(error) => error.reason(),
        };
        Self::because(&reason, error)
    }
}

impl From<UseError> for Refused {
    fn from(error: UseError) -> Self {
        match error {
            UseError::Used => Self::because("replayed", CallbackError::State),
            UseError::Fault(fault) => Self::noted(fault),
        }
    }
}

impl From<IdentityError> for Refused {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::AccountExists => Self::noted(Problem::new(
                StatusCode::CONFLICT,
                "account_exists",
                "this e-mail address already has an account; sign in as before, and link this provider in the \
                 settings of your account",
            )),
            IdentityError::NoVerifiedEmail => Self::new(StatusCode::FORBIDDEN, "no_verified_email", &error),
            IdentityError::Disabled => Self::new(StatusCode::FORBIDDEN, "account_disabled", &error),
            IdentityError::Fault(fault) => Self::noted(fault),
        }
    }
}

impl From<LinkError> for Refused {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::SessionEnded => Self::new(StatusCode::UNAUTHORIZED, "session_ended", &error),
            LinkError::LinkedElsewhere => Self::new(StatusCode::CONFLICT, "identity_taken", &error),
            LinkError::ProviderLinked => Self::new(StatusCode::CONFLICT, "provider_linked", &error),
            LinkError::TooMany => Self::new(StatusCode::CONFLICT, "too_many_identities", &error),
            LinkError::Fault(fault) => Self::noted(fault),
        }
    }
}

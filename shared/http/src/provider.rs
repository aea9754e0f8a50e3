//! Problems of a failed authorization request: a code of Latchkey and a fix, never a text from the provider.

use axum::http::StatusCode;
use latchkey_core::oauth::{
    CallbackError, ExchangeError, Failure, FinishError, IdentifyError, ProviderError, StartError,
};

use crate::Problem;

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        match error {
            StartError::UnknownProvider => Self::not_found(text),
            StartError::AnotherIssuer => Self::new(StatusCode::CONFLICT, "provider_token_ended", text),
            StartError::Redirect(_) | StartError::TooLong => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_redirect", text)
            }
            StartError::Provider(error) => error.into(),
            StartError::Fault(fault) => fault.into(),
        }
    }
}

impl From<FinishError> for Problem {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::Callback(error) => error.into(),
            FinishError::Identify(error) => error.into(),
        }
    }
}

impl From<CallbackError> for Problem {
    fn from(error: CallbackError) -> Self {
        let (status, code) = match &error {
            CallbackError::State => (StatusCode::BAD_REQUEST, "invalid_state"),
            CallbackError::Issuer => (StatusCode::BAD_REQUEST, "issuer_mismatch"),
            CallbackError::Code => (StatusCode::BAD_REQUEST, "invalid_code"),
            CallbackError::Provider(ProviderError::Denied) => (StatusCode::FORBIDDEN, "signin_cancelled"),
            CallbackError::Provider(ProviderError::Unavailable) => {
                (StatusCode::BAD_GATEWAY, "provider_failed")
            }
            CallbackError::Provider(ProviderError::Refused) => (StatusCode::BAD_GATEWAY, "provider_refused"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<IdentifyError> for Problem {
    fn from(error: IdentifyError) -> Self {
        tracing::warn!(%error, "a provider gave no identity");
        let failed = "the provider sent no usable response; try again later";
        let (status, code, text) = match &error {
            IdentifyError::Failed(failure) | IdentifyError::Exchange(ExchangeError::Failed(failure)) => {
                return from_failure(failure, failed);
            }
            IdentifyError::Exchange(ExchangeError::Grant) => (
                StatusCode::BAD_REQUEST,
                "code_refused",
                "the provider no longer accepts the code; begin the sign-in again",
            ),
            IdentifyError::Exchange(ExchangeError::Refused(_)) => (
                StatusCode::BAD_GATEWAY,
                "provider_refused",
                "the provider refused the sign-in; check the settings here and at the provider",
            ),
            IdentifyError::Document(_) | IdentifyError::Profile => {
                (StatusCode::BAD_GATEWAY, "provider_failed", failed)
            }
            IdentifyError::IdToken(_) => (
                StatusCode::BAD_GATEWAY,
                "identity_refused",
                "the identity from the provider could not be verified; begin the sign-in again",
            ),
        };
        Self::new(status, code, text)
    }
}

fn from_failure(failure: &Failure, failed: &'static str) -> Problem {
    if failure.is_timeout() {
        let text = "the provider took too long to respond; try again later";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "provider_timeout", text)
    } else {
        Problem::new(StatusCode::BAD_GATEWAY, "provider_failed", failed)
    }
}

use super::InvalidRedirect;
use super::callback::CallbackError;
use super::exchange::ExchangeError;
use super::http::Failure;
use super::id_token::InvalidIdToken;
use crate::fault::{Fault, carry_faults};

/// Why an authorization request did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No provider of this name is configured.
    #[error("there is no provider by this name here")]
    UnknownProvider,
    /// The provider was pointed at another issuer since.
    #[error("the provider has another issuer here now: the user must sign in with it again")]
    AnotherIssuer,
    /// It may not return there.
    #[error(transparent)]
    Redirect(#[from] InvalidRedirect),
    /// There is more to remember than fits into a cookie.
    #[error("redirect_to is too long")]
    TooLong,
    /// The provider could not be asked where it is.
    #[error(transparent)]
    Provider(#[from] IdentifyError),
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

/// Why a provider's answer led to no identity. For the log; [`reason`](Self::reason) is what the audit event says.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// A request for anything but tokens failed.
    #[error("a request failed: {0}")]
    Failed(#[from] Failure),
    /// The token endpoint gave no tokens.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The metadata or the keys cannot be used.
    #[error("{0}")]
    Document(String),
    /// The ID token is not to be believed.
    #[error("the ID token was refused: {0}")]
    IdToken(#[from] InvalidIdToken),
    /// There is no ID token, or the profile is not one.
    #[error("the provider says not who the person is")]
    Profile,
}

impl IdentifyError {
    /// A word for it, of our own.
    pub fn reason(&self) -> String {
        match self {
            Self::Failed(failure) | Self::Exchange(ExchangeError::Failed(failure))
                if failure.is_timeout() =>
            {
                "provider_timeout".to_owned()
            }
            Self::Failed(_) | Self::Exchange(ExchangeError::Failed(_)) => "provider_failed".to_owned(),
            Self::Exchange(ExchangeError::Grant) => "code_refused".to_owned(),
            Self::Exchange(ExchangeError::Refused(_)) => "provider_refused".to_owned(),
            Self::Document(_) => "provider_metadata".to_owned(),
            Self::IdToken(why) => format!("id_token_{why}"),
            Self::Profile => "no_identity".to_owned(),
        }
    }
}

/// Why an authorization request cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// It was finished before.
    #[error("this sign-in is finished already; begin it again")]
    Used,
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

/// Why nobody came back.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The response itself is not taken.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The provider does not stand by it.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
}

carry_faults!(StartError, UseError);

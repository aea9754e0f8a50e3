use super::InvalidRedirect;
use super::callback::CallbackError;
use super::exchange::ExchangeError;
use super::http::Failure;
use super::id_token::InvalidIdToken;
use crate::fault::{Fault, carry_faults};

/// Reason that an authorization request did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No provider of this name is configured.
    #[error("no provider has this name")]
    UnknownProvider,
    /// The provider was configured with another issuer since.
    #[error("the provider now has another issuer: the user must sign in with it again")]
    AnotherIssuer,
    /// The return address is not allowed.
    #[error(transparent)]
    Redirect(#[from] InvalidRedirect),
    /// The state does not fit into a cookie.
    #[error("redirect_to is too long: use a shorter one")]
    TooLong,
    /// The metadata of the provider could not be read.
    #[error(transparent)]
    Provider(#[from] IdentifyError),
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

/// Reason that a provider's response gave no identity. For the log; the audit event has its [`reason`](Self::reason).
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// A request other than to the token endpoint failed.
    #[error("a request failed: {0}")]
    Failed(#[from] Failure),
    /// The token endpoint gave no tokens.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The metadata or the keys cannot be used.
    #[error("{0}")]
    Document(String),
    /// The ID token was refused.
    #[error("the ID token was refused: {0}")]
    IdToken(#[from] InvalidIdToken),
    /// There is no ID token, or the profile is invalid.
    #[error("the provider sent no usable identity of the person")]
    Profile,
}

impl IdentifyError {
    /// Returns a short code for it, without text from the provider.
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

/// Reason that an authorization request cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// It was finished before.
    #[error("this sign-in is already finished; start it again")]
    Used,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

/// Reason that a return from a provider failed.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The response itself was refused.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The provider did not confirm an identity.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
}

carry_faults!(StartError, UseError);

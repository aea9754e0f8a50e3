//! Infrastructure failure that the errors of all services share.

use crate::password::{HashError, OpenHashError};
use crate::port::{EntropyError, HasherError, StoreError};
use crate::seal::SealError;
use crate::token::KeysError;

/// Reason that an operation failed, independent of the request.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store gave no response.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many operations at once: password hashes, or changes to one account. Try again.
    #[error("too much at once: {0}")]
    Busy(&'static str),
    /// A password could not be hashed.
    #[error("{0}")]
    Hash(String),
    /// The generator gave no random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The keys could not be read or used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A value could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A password hash could not be opened.
    #[error(transparent)]
    Open(#[from] OpenHashError),
}

impl From<HasherError> for Fault {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy => Self::Busy("passwords are being hashed"),
            HasherError::Failed(why) => Self::Hash(why),
        }
    }
}

impl From<HashError> for Fault {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Hasher(error) => error.into(),
            HashError::Entropy(error) => error.into(),
        }
    }
}

/// Implements `From` so that `?` turns every cause of a [`Fault`] into the error of a service, in its variant `Fault`.
macro_rules! carry_faults {
    ($($error:ty),+ $(,)?) => {
        $(impl<E: Into<$crate::fault::Fault>> From<E> for $error {
            fn from(error: E) -> Self {
                Self::Fault(error.into())
            }
        })+
    };
}

pub(crate) use carry_faults;

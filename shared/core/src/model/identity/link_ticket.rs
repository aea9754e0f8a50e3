use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IdentityHash, ProviderName};
use crate::model::{Email, SessionId, UserId};

/// Allows one signed-in user to link an identity: made when the flow begins and only for who signed in a moment ago, carried
/// through the flow under its seal, and good for as long as that. What it says of the account only saves a read; it is checked
/// when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTicket {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) email: Email,
    pub(crate) identities: BTreeMap<ProviderName, IdentityHash>,
}

impl LinkTicket {
    /// Who links.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// In which session.
    pub fn session(&self) -> SessionId {
        self.session
    }
}

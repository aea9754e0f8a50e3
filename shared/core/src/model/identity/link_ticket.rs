use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IdentityHash, ProviderName};
use crate::model::{Email, SessionId, UserId};

/// Right of one signed-in user to link an identity. It is created when the authorization request starts, only for a user who
/// signed in a moment ago. It travels sealed within the authorization request and expires with it. Its account data only saves
/// a read and is checked when the ticket is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTicket {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) email: Email,
    pub(crate) identities: BTreeMap<ProviderName, IdentityHash>,
}

impl LinkTicket {
    /// Returns the user who links.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Returns the session of the user.
    pub fn session(&self) -> SessionId {
        self.session
    }
}

use std::sync::Arc;

use super::{Account, Login, User};
use crate::audit::AuditLog;
use crate::password::{Breaches, HashError, OpenHashError, PasswordRules, Strength};
use crate::permission::Roles;
use crate::port::table::CommitError;
use crate::port::{Clock, Entropy, EntropyError, HasherError, PasswordHasher, StoreError, Table};
use crate::seal::{SealError, Sealer};
use crate::session::{IssueError, Sessions};
use crate::{Email, UserId};

/// How often a change is tried again when another one came first.
pub(super) const MAX_TRIES: usize = 8;

/// The accounts and what can be done with them. Its operations are in the files beside this one.
pub struct Accounts {
    pub(super) table: Arc<dyn Table>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) hasher: Arc<dyn PasswordHasher>,
    pub(super) audit: AuditLog,
    pub(super) sessions: Arc<Sessions>,
    pub(super) roles: Roles,
    pub(super) rules: PasswordRules,
    pub(super) strength: Strength,
    /// Knows passwords from breaches, where a service is asked.
    pub(super) breaches: Option<Breaches>,
    /// Seals password hashes.
    pub(super) sealer: Arc<Sealer>,
    /// Seals the refresh tokens of providers, where they are kept.
    pub(super) grants: Option<Arc<Sealer>>,
}

/// Why an operation could not be carried out, whatever was asked.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much at once: passwords being hashed, or changes to one account. Try again.
    #[error("too much at once: {0}")]
    Busy(&'static str),
    /// A password could not be hashed.
    #[error("{0}")]
    Hash(String),
    /// There was no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Tokens could not be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A password hash or a provider's refresh token could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A password hash could not be opened.
    #[error(transparent)]
    Open(#[from] OpenHashError),
}

impl From<HasherError> for AccountError {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy => Self::Busy("passwords are being hashed"),
            HasherError::Failed(why) => Self::Hash(why),
        }
    }
}

impl From<HashError> for AccountError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Hasher(error) => error.into(),
            HashError::Entropy(error) => error.into(),
        }
    }
}

impl Accounts {
    /// The accounts over these ports and rules.
    #[expect(clippy::too_many_arguments, reason = "called once, where the service is put together")]
    pub fn new(
        table: Arc<dyn Table>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        hasher: Arc<dyn PasswordHasher>,
        audit: AuditLog,
        sessions: Arc<Sessions>,
        roles: Roles,
        rules: PasswordRules,
        strength: Strength,
        breaches: Option<Breaches>,
        sealer: Arc<Sealer>,
        grants: Option<Arc<Sealer>>,
    ) -> Self {
        Self {
            table,
            clock,
            entropy,
            hasher,
            audit,
            sessions,
            roles,
            rules,
            strength,
            breaches,
            sealer,
            grants,
        }
    }

    /// The user with this identifier.
    pub async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let mut items = self.table.get(&[User::key(id)], self.clock.now()).await?;
        items.pop().flatten().map(|item| item.decode()).transpose()
    }

    /// The user with this e-mail address.
    pub async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let mut items = self.table.get(&[Login::key(email)], self.clock.now()).await?;
        let login = items.pop().flatten().map(|item| item.decode::<Login>()).transpose()?;
        Ok(login.map(|login| login.user))
    }

    /// The user, their login and their identities, for a change of all.
    pub(super) async fn open(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let now = self.clock.now();
        let Some(user_item) = self.table.get(&[User::key(id)], now).await?.pop().flatten() else {
            return Ok(None);
        };
        let user: User = user_item.decode()?;
        let keys: Vec<_> = std::iter::once(Login::key(&user.email)).chain(user.identity_keys()).collect();
        let mut items = self.table.get(&keys, now).await?.into_iter();
        // Without a login the account was deleted between the two reads.
        let Some(Some(login_item)) = items.next() else { return Ok(None) };
        let identities: Vec<_> = items.flatten().collect();
        Account::decode(&user_item, &login_item, &identities).map(Some)
    }
}

/// Keeps a conflict apart from a store that failed.
pub(super) fn conflict(result: Result<(), CommitError>) -> Result<Option<usize>, StoreError> {
    match result {
        Ok(()) => Ok(None),
        Err(CommitError::Conflict { write }) => Ok(Some(write)),
        Err(CommitError::Store(error)) => Err(error),
    }
}

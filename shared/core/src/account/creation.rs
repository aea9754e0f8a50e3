//! Accounts that an operator creates.

use std::collections::BTreeSet;

use super::administration::HeldRoles;
use super::registration::{LOGIN_WRITE, creation, signup_event};
use super::{CheckedSignUp, ManageError, UserAdministration};
use crate::fault::Fault;
use crate::model::audit::{Action, Actor, Requester};
use crate::model::permission::{Admins, RoleName};
use crate::model::{StoredHash, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::permission::Roles;
use crate::port::table::CommitError;

/// Reason that an operator's account was not created. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The address already has an account.
    #[error("this e-mail address has an account already")]
    EmailTaken,
    /// A role cannot be granted, or the request failed.
    #[error(transparent)]
    Refused(ManageError),
}

impl<E: Into<ManageError>> From<E> for CreateError {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl UserAdministration {
    /// Creates an account with these roles and without a session, in one commit. The operator vouches for the address, so it
    /// counts as verified.
    pub async fn create(
        &self,
        sign_up: &CheckedSignUp,
        roles: &BTreeSet<RoleName>,
    ) -> Result<User, CreateError> {
        let user = self.vouched_user(sign_up, roles)?;
        let hash = self.passwords.hash(sign_up.password(), user.id).await?;
        self.create_with(user, hash).await
    }

    /// Creates an account without a session if the secret of the service is not available. The password hash is sealed at the
    /// owner's first sign-in.
    pub async fn create_unsealed(
        &self,
        sign_up: &CheckedSignUp,
        roles: &BTreeSet<RoleName>,
    ) -> Result<User, CreateError> {
        let user = self.vouched_user(sign_up, roles)?;
        let hash = self.passwords.hash_unsealed(sign_up.password()).await?;
        self.create_with(user, hash).await
    }

    /// Returns a user whose address and roles an operator vouches for.
    fn vouched_user(&self, sign_up: &CheckedSignUp, roles: &BTreeSet<RoleName>) -> Result<User, Fault> {
        let user = sign_up.user(&self.accounts)?;
        let roles = user.roles.union(roles).cloned().collect();
        Ok(User { email_verified: true, roles, ..user })
    }

    async fn create_with(&self, user: User, hash: StoredHash) -> Result<User, CreateError> {
        let accounts = &*self.accounts;
        let busy = || CreateError::from(Fault::Busy("the roles are being changed"));
        retry(MAX_TRIES, busy, || async {
            let policy = accounts.roles.load_fresh().await?;
            let granted = || user.roles.iter().filter(|role| **role != RoleName::USER);
            if let Some(unknown) = granted().find(|role| !policy.value.roles().contains_key(*role)) {
                return Err(ManageError::UnknownRole(unknown.clone()).into());
            }
            if let (Some(last), false) = (granted().next_back(), accounts.sessions.can_name(&user.roles)) {
                return Err(ManageError::TooManyRoles(last.clone()).into());
            }
            let mut writes = creation(&user, hash.clone())?;
            writes.push(policy.check(Roles::key()));
            if user.roles.contains(&RoleName::ADMIN) {
                let item = accounts.item(Admins::key()).await?;
                writes.push(Admins::write_with(item.as_ref(), user.id).map_err(ManageError::from)?);
            }
            let operator = Requester::default();
            writes.push(signup_event(accounts, &user, Actor::Operator, &operator)?);
            for role in granted() {
                let event = accounts.audit.event(Action::RoleGranted, Actor::Operator, &operator)?;
                let mut event = event.changing(None, Some(&HeldRoles::by(&user)));
                event.user_id = Some(user.id);
                event.resource = Some(format!("role:{role}"));
                writes.push(accounts.audit.write(&event)?);
            }
            match accounts.commit(&writes).await {
                Err(CommitError::Conflict { write: LOGIN_WRITE }) => Err(CreateError::EmailTaken),
                // A conflict elsewhere: the roles, or the administrators, changed meanwhile.
                committed => Ok(Commit::of(committed, user.clone())?),
            }
        })
        .await
    }
}

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::accounts::{Accounts, UserPage};
use super::passwords::Passwords;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::permission::{Admins, AdminsError, Permission, Policy, RoleName, Versioned};
use crate::model::{Account, Lockout, Name, Status, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::permission::Roles;
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::Live;
use crate::{Email, UserId};

/// Changes to accounts by administrators, by the operator and, to their own account, by owners.
pub struct UserAdministration {
    pub(super) accounts: Arc<Accounts>,
    pub(super) passwords: Arc<Passwords>,
}

/// Authority by which an account is changed.
#[derive(Clone, Copy)]
pub enum Authority<'a> {
    /// The operator, with the `latchkey` command: any change.
    Operator,
    /// An administrator: only changes within their own permissions.
    Administrator(&'a Live),
    /// The owner of the account.
    Owner,
    /// The owner, in this session, which must still be alive when the account changes.
    Session(&'a Live),
}

/// Reason that an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The user does not exist.
    #[error("no such user exists")]
    NotFound,
    /// The owner's session ended meanwhile.
    #[error("the session has ended")]
    Ended,
    /// The role does not exist.
    #[error("the role {0} does not exist: create it first")]
    UnknownRole(RoleName),
    /// The user, or the role, has permissions that the administrator lacks. Without this check, anybody who may grant roles
    /// could grant themselves everything.
    #[error("this user or role holds permissions that you do not have: ask somebody who does")]
    BeyondAuthority,
    /// The user's access token would not fit into a cookie.
    #[error(
        "with the role {0} this user's access token would be too long for a cookie: remove other roles first, or create one \
         role that includes them"
    )]
    TooManyRoles(RoleName),
    /// The change breaks a rule about the role `admin`.
    #[error(transparent)]
    Admins(AdminsError),
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(ManageError);

impl From<AdminsError> for ManageError {
    fn from(error: AdminsError) -> Self {
        match error {
            AdminsError::Store(error) => error.into(),
            AdminsError::Last(_) | AdminsError::TooMany(_) => Self::Admins(error),
        }
    }
}

/// Result of a change of an account.
enum Outcome {
    Changed(User),
    Deleted,
}

/// Change of an account, for the audit log and for the check of the needed permission.
struct Deed<'a> {
    action: Action,
    role: Option<&'a RoleName>,
}

impl<'a> Deed<'a> {
    fn new(action: Action) -> Self {
        Self { action, role: None }
    }

    fn with_role(action: Action, role: &'a RoleName) -> Self {
        Self { action, role: Some(role) }
    }

    /// Returns the permission that an administrator needs for it.
    fn needed(&self) -> Permission {
        match self.action {
            Action::RoleGranted | Action::RoleRevoked => Permission::ROLES_MANAGE,
            Action::UserDeleted => Permission::USERS_DELETE,
            _ => Permission::USERS_UPDATE,
        }
    }

    /// Returns the role that it grants, if any.
    fn granted(&self) -> Option<&'a RoleName> {
        self.role.filter(|_| self.action == Action::RoleGranted)
    }
}

impl UserAdministration {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, passwords: Arc<Passwords>) -> Self {
        Self { accounts, passwords }
    }

    /// Returns the user with this identifier.
    pub async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.accounts.find(id).await
    }

    /// Returns the user with this e-mail address.
    pub async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.accounts.find_by_email(email).await
    }

    /// Returns one page of all users, oldest first. May hold fewer than `limit` even if there is a `next`.
    pub async fn list(&self, limit: u32, after: Option<UserId>) -> Result<UserPage, StoreError> {
        self.accounts.list(limit, after).await
    }

    /// Disables an account, which ends its sessions, or enables it again.
    pub async fn set_status(
        &self,
        id: UserId,
        status: Status,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        let action = match status {
            Status::Active => Action::UserEnabled,
            Status::Disabled => Action::UserDisabled,
        };
        self.change(id, &Deed::new(action), by, from, |user| {
            // An account that is enabled again starts without its former sessions.
            let next = if user.status == status {
                user.session_version
            } else {
                user.session_version.saturating_add(1)
            };
            Outcome::Changed(User { status, session_version: next, ..user.clone() })
        })
        .await?
        .ok_or(ManageError::NotFound)
    }

    /// Gives a user another name, or none.
    pub async fn set_name(
        &self,
        id: UserId,
        name: Option<&Name>,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        self.change(id, &Deed::new(Action::UserUpdated), by, from, |user| {
            Outcome::Changed(User { name: name.cloned(), ..user.clone() })
        })
        .await?
        .ok_or(ManageError::NotFound)
    }

    /// Grants a role.
    pub async fn grant_role(
        &self,
        id: UserId,
        role: &RoleName,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        self.change(id, &Deed::with_role(Action::RoleGranted, role), by, from, |user| {
            let mut roles = user.roles.clone();
            roles.insert(role.clone());
            Outcome::Changed(User { roles, ..user.clone() })
        })
        .await?
        .ok_or(ManageError::NotFound)
    }

    /// Revokes a role, even one whose definition was removed.
    pub async fn revoke_role(
        &self,
        id: UserId,
        role: &RoleName,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        self.change(id, &Deed::with_role(Action::RoleRevoked, role), by, from, |user| {
            let mut roles = user.roles.clone();
            roles.remove(role);
            Outcome::Changed(User { roles, ..user.clone() })
        })
        .await?
        .ok_or(ManageError::NotFound)
    }

    /// Ends all sessions of a user in one write.
    pub async fn end_sessions(
        &self,
        id: UserId,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        self.change(id, &Deed::new(Action::SessionsRevoked), by, from, |user| {
            Outcome::Changed(User { session_version: user.session_version.saturating_add(1), ..user.clone() })
        })
        .await?
        .ok_or(ManageError::NotFound)
    }

    /// Deletes an account in one commit: user, login, identities, handle and, with them, all sessions. Its audit events stay.
    pub async fn delete(&self, id: UserId, by: Authority<'_>, from: &Requester) -> Result<(), ManageError> {
        self.change(id, &Deed::new(Action::UserDeleted), by, from, |_| Outcome::Deleted).await?;
        self.accounts.purge_sessions(id).await;
        Ok(())
    }

    /// Ends the lock or the stop of a password by the operator, and resets the count of wrong passwords. Returns true if there
    /// was a count, a lock or a stop.
    pub async fn unlock(&self, id: UserId) -> Result<bool, ManageError> {
        let busy = || ManageError::from(Fault::Busy("this account is being signed in to"));
        retry(MAX_TRIES, busy, || async {
            let account = self.accounts.open(id).await?.ok_or(ManageError::NotFound)?;
            let mut login = account.login.clone();
            let Some(credential) = login.credential.as_mut().filter(|c| !c.lockout.is_clear()) else {
                return Ok(Commit::Done(false));
            };
            credential.lockout = Lockout::default();
            let audit = &self.accounts.audit;
            let mut event = audit.event(Action::SigninUnlocked, Actor::Operator, &Requester::default())?;
            event.user_id = Some(id);
            let writes = [account.replace_login(&login)?, audit.write(&event)?];
            Ok(Commit::of(self.accounts.commit(&writes).await, true)?)
        })
        .await
    }

    /// Checks that `by` may make the change to `user`, by the current roles and by the administrator's own current roles.
    /// Returns writes that demand that these are unchanged at the commit; there are none if the roles do not matter.
    async fn allow(
        &self,
        user: &User,
        deed: &Deed<'_>,
        by: Authority<'_>,
    ) -> Result<Vec<Write>, ManageError> {
        let administrator = match by {
            Authority::Administrator(live) => Some(live.user.id),
            Authority::Operator | Authority::Owner | Authority::Session(_) => None,
        };
        if deed.granted().is_none() && administrator.is_none() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = std::iter::once(Roles::key()).chain(administrator.map(User::key)).collect();
        let mut items = self.accounts.table.get(&keys, self.accounts.now()).await?.into_iter();
        let policy = Versioned::<Policy>::read(items.next().flatten().as_ref())?;
        let mut writes = vec![policy.check(Roles::key())];
        if let Some(role) = deed.granted() {
            if !policy.value.roles().contains_key(role) {
                return Err(ManageError::UnknownRole(role.clone()));
            }
            let roles: BTreeSet<_> = user.roles.iter().chain([role]).cloned().collect();
            if roles != user.roles && !self.accounts.sessions.can_name(&roles) {
                return Err(ManageError::TooManyRoles(role.clone()));
            }
        }
        if let Some(id) = administrator {
            let item = items.next().flatten().ok_or(ManageError::BeyondAuthority)?;
            let holder = User::holder(id);
            let grants = policy.value.compile(&(holder.roles)(&item)?);
            let given: BTreeSet<_> = user.roles.iter().chain(deed.granted()).cloned().collect();
            let may =
                grants.decide(&deed.needed()).allowed() && grants.may_give(&policy.value.compile(&given));
            if !may {
                return Err(ManageError::BeyondAuthority);
            }
            // The change replaces their own item, on the condition that it is unchanged.
            if id != user.id {
                writes.push(Write::Check { key: item.key, condition: Condition::Unchanged(item.version) });
            }
        }
        Ok(writes)
    }

    /// Changes user, login and identities in one commit with the audit event, and also the set of administrators if the change
    /// concerns an administrator. Reads again and retries if another change was faster. Returns `None` if the account was
    /// deleted.
    async fn change(
        &self,
        id: UserId,
        deed: &Deed<'_>,
        by: Authority<'_>,
        from: &Requester,
        edit: impl Fn(&User) -> Outcome,
    ) -> Result<Option<User>, ManageError> {
        let busy = || ManageError::from(Fault::Busy("this account is being changed"));
        retry(MAX_TRIES, busy, || async {
            let account = self.accounts.open(id).await?.ok_or(ManageError::NotFound)?;
            let session = self.owners_session(&account.user, by).await?;
            let allowed = self.allow(&account.user, deed, by).await?;
            let outcome = edit(&account.user);
            if let Outcome::Changed(user) = &outcome
                && *user == account.user
            {
                return Ok(Commit::Done(Some(account.user)));
            }
            let mut writes = match &outcome {
                Outcome::Changed(user) => account.replace(user)?,
                Outcome::Deleted => account.delete(),
            };
            writes.extend(allowed);
            writes.extend(session.map(|session| still_there(session, &outcome)));
            writes.extend(self.admins_write(&account, &outcome).await?);
            writes.push(self.deed_write(&account.user, &outcome, deed, by, from)?);
            let changed = match outcome {
                Outcome::Changed(user) => Some(user),
                Outcome::Deleted => None,
            };
            Ok(Commit::of(self.accounts.commit_change(id, &writes).await, changed)?)
        })
        .await
    }

    /// Reads the session in which the owner acts.
    async fn owners_session(&self, user: &User, by: Authority<'_>) -> Result<Option<Item>, ManageError> {
        let Authority::Session(live) = by else { return Ok(None) };
        self.accounts.live_session(live, user).await?.ok_or(ManageError::Ended).map(Some)
    }

    async fn admins_write(&self, account: &Account, outcome: &Outcome) -> Result<Option<Write>, ManageError> {
        let before = account.user.is_admin();
        let after = match outcome {
            Outcome::Changed(user) => user.is_admin(),
            Outcome::Deleted => false,
        };
        if before == after {
            return Ok(None);
        }
        let item = self.accounts.item(Admins::key()).await?;
        let write = if after { Admins::write_with } else { Admins::write_without };
        Ok(Some(write(item.as_ref(), account.user.id)?))
    }

    fn deed_write(
        &self,
        user: &User,
        outcome: &Outcome,
        deed: &Deed<'_>,
        by: Authority<'_>,
        from: &Requester,
    ) -> Result<Write, ManageError> {
        let id = user.id;
        let actor = match by {
            Authority::Operator => Actor::Operator,
            Authority::Administrator(live) => Actor::User(live.user.id),
            Authority::Owner | Authority::Session(_) => Actor::User(id),
        };
        let mut event = self.accounts.audit.event(deed.action, actor, from)?;
        event.user_id = Some(id);
        event.resource = deed.role.map(|role| format!("role:{role}"));
        if let (Some(_), Outcome::Changed(after)) = (deed.role, outcome) {
            event = event.changing(Some(&HeldRoles::by(user)), Some(&HeldRoles::by(after)));
        }
        Ok(self.accounts.audit.write(&event)?)
    }
}

/// Returns the write that demands that the owner's session is unchanged; it ends with the account.
fn still_there(session: Item, outcome: &Outcome) -> Write {
    match outcome {
        Outcome::Changed(_) => {
            Write::Check { key: session.key, condition: Condition::Unchanged(session.version) }
        }
        Outcome::Deleted => Write::Delete { key: session.key, condition: Some(session.version) },
    }
}

/// Roles of a user, in the form of the audit log.
#[derive(Serialize)]
pub(super) struct HeldRoles<'a> {
    roles: &'a BTreeSet<RoleName>,
}

impl<'a> HeldRoles<'a> {
    /// Returns the roles of `user`.
    pub(super) const fn by(user: &'a User) -> Self {
        Self { roles: &user.roles }
    }
}

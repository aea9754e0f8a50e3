//! The account that gives way when the owner of its address comes by a provider that vouches for it.

use super::proof::Proof;
use crate::account::accounts::Accounts;
use crate::fault::Fault;
use crate::model::audit::{Action, Actor};
use crate::model::identity::{ExternalIdentity, Handle, Identity};
use crate::model::{Account, Login};
use crate::port::StoreError;
use crate::port::table::{Version, Write};
use crate::{Email, UserId};

/// An account whose owner never proved that its e-mail address is theirs. Somebody else did, so it is deleted in the commit that
/// makes theirs: with its password, identities, roles and sessions, of which nothing passes to the newcomer.
pub(super) struct DisplacedAccount(Account);

/// Who holds an e-mail address.
pub(super) enum AddressOwner {
    /// Nobody any more, or an account that is changing in this moment.
    Nobody,
    /// An account that gives way.
    Unproven(Box<DisplacedAccount>),
    /// An account that stays, for this reason.
    Proven(&'static str),
}

impl DisplacedAccount {
    /// Whose account it was.
    pub fn user(&self) -> UserId {
        self.0.user.id
    }

    /// Whether this is its handle.
    pub fn is_called(&self, handle: &Handle) -> bool {
        self.0.user.handle.as_ref() == Some(handle)
    }

    /// Whether this is one of its identities.
    pub fn has(&self, external: &ExternalIdentity) -> bool {
        let keys: Vec<_> = self.0.user.identity_keys().collect();
        keys.contains(&Identity::key_of(external))
    }

    /// The write that puts `login` in the place of its login, and the version that this gets. It conflicts when a sign-in with the
    /// password, a grant or anything else changed the account since it was read.
    pub fn login_for(&self, login: &Login) -> Result<(Write, Version), StoreError> {
        self.0.give_address(login)
    }

    /// The writes that remove everything else.
    pub fn writes(&self) -> Vec<Write> {
        self.0.delete_all_but_login()
    }

    /// The event that says which account gave way to which.
    pub fn event(&self, accounts: &Accounts, proof: &Proof<'_>, heir: UserId) -> Result<Write, Fault> {
        let mut event = proof.event(accounts, Action::UserDisplaced, Actor::User(heir))?;
        event.user_id = Some(self.user());
        event.resource = Some(format!("user:{}", self.user()));
        event.details.insert("reason".to_owned(), "email_never_verified".to_owned());
        event.details.insert("successor".to_owned(), heir.to_string());
        Ok(accounts.audit.write(&event)?)
    }
}

impl Accounts {
    /// Finds who holds `email`.
    ///
    /// An active administrator holds it whether or not they proved it: somebody with authority made them one, the last of them
    /// must stay, and a return from a provider has no right to write the set of administrators.
    pub(super) async fn holder(&self, email: &Email) -> Result<AddressOwner, StoreError> {
        let Some(user) = self.find_by_email(email).await? else { return Ok(AddressOwner::Nobody) };
        if user.email_verified {
            return Ok(AddressOwner::Proven("account_exists"));
        }
        if user.is_admin() {
            return Ok(AddressOwner::Proven("administrator"));
        }
        let account = self.open(user.id).await?;
        // Whoever changed it since is looked at again.
        let account = account.filter(|account| account.user == user);
        Ok(account.map_or(AddressOwner::Nobody, |account| {
            AddressOwner::Unproven(Box::new(DisplacedAccount(account)))
        }))
    }
}

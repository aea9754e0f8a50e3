//! Account that is deleted when the owner of its address signs in with a provider that vouches for the address.

use super::proof::Proof;
use crate::account::accounts::Accounts;
use crate::fault::Fault;
use crate::model::audit::{Action, Actor};
use crate::model::identity::{ExternalIdentity, Handle, Identity};
use crate::model::{Account, Login};
use crate::port::StoreError;
use crate::port::table::{Version, Write};
use crate::{Email, UserId};

/// Account whose owner never proved that the e-mail address is theirs. Another person proved it, so the commit that creates
/// their account deletes this one, with its password, identities, roles and sessions. The new account receives none of these.
pub(super) struct DisplacedAccount(Account);

/// Owner of an e-mail address.
pub(super) enum AddressOwner {
    /// Nobody, or an account that is being changed at this moment.
    Nobody,
    /// An account that never proved the address, and that a new account may replace.
    Unproven(Box<DisplacedAccount>),
    /// An account that stays, for this reason.
    Proven(&'static str),
}

impl DisplacedAccount {
    /// Returns the user of the account.
    pub fn user(&self) -> UserId {
        self.0.user.id
    }

    /// Returns true if `handle` is its handle.
    pub fn is_called(&self, handle: &Handle) -> bool {
        self.0.user.handle.as_ref() == Some(handle)
    }

    /// Returns true if it has this identity.
    pub fn has(&self, external: &ExternalIdentity) -> bool {
        let keys: Vec<_> = self.0.user.identity_keys().collect();
        keys.contains(&Identity::key_of(external))
    }

    /// Returns the write that replaces its login by `login`, and the resulting version. The write conflicts if a sign-in with
    /// the password, a role grant or anything else changed the account since it was read.
    pub fn login_for(&self, login: &Login) -> Result<(Write, Version), StoreError> {
        self.0.give_address(login)
    }

    /// Returns the writes that remove everything else.
    pub fn writes(&self) -> Vec<Write> {
        self.0.delete_all_but_login()
    }

    /// Returns the audit event that names the deleted account and the one that replaces it.
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
    /// Finds the owner of `email`.
    ///
    /// An active administrator counts as the owner even without proof: somebody with authority gave them the role, the last
    /// administrator must stay, and a sign-in with a provider has no right to write the set of administrators.
    pub(super) async fn holder(&self, email: &Email) -> Result<AddressOwner, StoreError> {
        let Some(user) = self.find_by_email(email).await? else { return Ok(AddressOwner::Nobody) };
        if user.email_verified {
            return Ok(AddressOwner::Proven("account_exists"));
        }
        if user.is_admin() {
            return Ok(AddressOwner::Proven("administrator"));
        }
        let account = self.open(user.id).await?;
        // An account that changed since then is read again.
        let account = account.filter(|account| account.user == user);
        Ok(account.map_or(AddressOwner::Nobody, |account| {
            AddressOwner::Unproven(Box::new(DisplacedAccount(account)))
        }))
    }
}

//! Accounts by the names that an operator uses.

use super::UserAdministration;
use crate::Email;
use crate::fault::{Fault, carry_faults};
use crate::model::{AccountName, User};

/// Reason that an operator's name gives no account.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// No account has this name.
    #[error("{0} has no account: sign up with it first")]
    NoAccount(AccountName),
    /// The address is unverified: anybody may have signed up with it.
    #[error(
        "nobody has proved that {email} is theirs, so a stranger may have signed up with it: the account is {account}. \
         If it is the right one, name it by its id, or allow an unverified address \
         (`--unverified`; for the operator function \"unverified\": true)"
    )]
    Unverified {
        /// Address.
        email: Email,
        /// The account, as a [line](User::described) for the operator.
        account: String,
    },
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(NamedError);

impl UserAdministration {
    /// Returns the account that an operator names.
    pub async fn named(&self, name: &AccountName) -> Result<User, NamedError> {
        let found = match name {
            AccountName::Email(email) => self.find_by_email(email).await?,
            AccountName::Id(id) => self.find(*id).await?,
        };
        found.ok_or_else(|| NamedError::NoAccount(name.clone()))
    }

    /// Returns the account for a role grant. An unverified address names an account only if `unverified` is true.
    pub async fn named_for_grant(&self, name: &AccountName, unverified: bool) -> Result<User, NamedError> {
        let user = self.named(name).await?;
        match name {
            AccountName::Email(email) if !user.email_verified && !unverified => {
                let account = user.described(self.accounts.now());
                Err(NamedError::Unverified { email: email.clone(), account })
            }
            AccountName::Email(_) | AccountName::Id(_) => Ok(user),
        }
    }
}

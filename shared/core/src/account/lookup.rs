//! Accounts by the names that an operator gives them.

use super::UserAdministration;
use crate::Email;
use crate::fault::{Fault, carry_faults};
use crate::model::{AccountName, User};

/// Why an operator's name leads to no account.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// Nobody has it.
    #[error("{0} has no account: sign up with it first")]
    NoAccount(AccountName),
    /// Anybody may have signed up with the address.
    #[error(
        "nobody has proved that {email} is theirs, so a stranger may have signed up with it: the account is {account}. \
         If it is the right one, name it by its id, or allow an unverified address \
         (`--unverified`; for the operator function \"unverified\": true)"
    )]
    Unverified {
        /// The address.
        email: Email,
        /// The account, [described](User::described).
        account: String,
    },
    /// It could not be carried out.
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

    /// Returns the same for a grant: an address that nobody has proved names an account only where `unverified` ones are allowed.
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

use super::accounts::{MAX_TRIES, conflict};
use super::{AccountError, Accounts, Lockout, ManageError};
use crate::UserId;
use crate::audit::{Action, Actor, Requester};

impl Accounts {
    /// Ends the lock or the stop of a password on the operator's word, and forgets the wrong passwords that led to it. Returns
    /// whether anything stood against the account.
    pub async fn unlock(&self, id: UserId) -> Result<bool, ManageError> {
        for _ in 0..MAX_TRIES {
            let account = self.open(id).await?.ok_or(ManageError::NotFound)?;
            let mut login = account.login.clone();
            let Some(credential) = login.credential.as_mut().filter(|c| !c.lockout.is_clear()) else {
                return Ok(false);
            };
            credential.lockout = Lockout::default();
            let mut event =
                self.audit.event(Action::SigninUnlocked, Actor::Operator, &Requester::default())?;
            event.user_id = Some(id);
            let writes = [account.replace_login(&login)?, self.audit.write(&event)?];
            if conflict(self.table.commit(&writes, self.clock.now()).await)?.is_none() {
                return Ok(true);
            }
        }
        Err(AccountError::Busy("this account is being signed in to").into())
    }
}

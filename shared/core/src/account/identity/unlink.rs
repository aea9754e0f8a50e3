use super::Identity;
use crate::account::accounts::{MAX_TRIES, conflict};
use crate::account::{AccountError, Accounts, User};
use crate::audit::{Action, Actor, Requester};
use crate::oauth::ProviderName;
use crate::port::{EntropyError, StoreError};
use crate::session::{Live, ReauthenticationRequired};

/// Why an identity was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// The caller signed in too long ago.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationRequired),
    /// No identity of this provider is linked.
    #[error("no identity of this provider is linked")]
    NotLinked,
    /// Without it nobody could sign in to the account.
    #[error("this is the last way in: link another provider first")]
    LastWayIn,
    /// It could not be carried out.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for UnlinkError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl From<EntropyError> for UnlinkError {
    fn from(error: EntropyError) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts {
    /// The identities of `user`, by the names of their providers: one read.
    pub async fn identities(&self, user: &User) -> Result<Vec<Identity>, StoreError> {
        let keys: Vec<_> = user.identity_keys().collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.table.get(&keys, self.clock.now()).await?.into_iter().flatten();
        let identities: Vec<Identity> = items.map(|item| item.decode()).collect::<Result<_, _>>()?;
        // One may have been taken away a moment ago, and be somebody else's by now.
        Ok(identities.into_iter().filter(|identity| identity.user.id == user.id).collect())
    }

    /// Takes the identity at `provider` away from the caller, who signed in within the last ten minutes and keeps another way
    /// in. It is free then.
    pub async fn unlink_identity(
        &self,
        caller: &Live,
        provider: &ProviderName,
        from: &Requester,
    ) -> Result<User, UnlinkError> {
        caller.session.demand_recent_sign_in(self.clock.now())?;
        let id = caller.user.id;
        for _ in 0..MAX_TRIES {
            let account = self.open(id).await?.ok_or(UnlinkError::NotLinked)?;
            let mut user = account.user.clone();
            if user.identities.remove(provider).is_none() {
                return Err(UnlinkError::NotLinked);
            }
            let mut event = self.audit.event(Action::IdentityUnlinked, Actor::User(id), from)?;
            event.resource = Some(format!("identity:{provider}"));
            event.details.insert("provider".to_owned(), provider.to_string());
            if !account.opens_without(provider) {
                event.action = Action::IdentityRefused;
                event.details.insert("reason".to_owned(), "last_way_in".to_owned());
                conflict(self.table.commit(&[self.audit.write(&event)?], self.clock.now()).await)?;
                return Err(UnlinkError::LastWayIn);
            }
            let mut writes = account.replace(&user)?;
            writes.push(self.audit.write(&event)?);
            let committed = self.table.commit(&writes, self.clock.now()).await;
            // Without an answer it may have happened.
            self.sessions.memory().forget_user(id);
            if conflict(committed)?.is_none() {
                return Ok(user);
            }
        }
        Err(AccountError::Busy("this account is being changed").into())
    }
}

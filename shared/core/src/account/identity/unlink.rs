use super::IdentityLinking;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::identity::ProviderName;
use crate::model::{ReauthenticationRequired, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::session::Live;

/// Reason that an identity was not unlinked.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// The caller signed in too long ago.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationRequired),
    /// No identity of this provider is linked.
    #[error("no identity of this provider is linked")]
    NotLinked,
    /// Nobody could sign in to the account without it.
    #[error("this is the only way to sign in: link another provider first")]
    LastWayIn,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(UnlinkError);

impl IdentityLinking {
    /// Unlinks the identity at `provider` from the caller, who signed in within the last ten minutes and has another way to
    /// sign in. Another account may link it afterwards.
    pub async fn unlink(
        &self,
        caller: &Live,
        provider: &ProviderName,
        from: &Requester,
    ) -> Result<User, UnlinkError> {
        let accounts = &*self.accounts;
        caller.session.demand_recent_sign_in(accounts.now())?;
        let id = caller.user.id;
        let busy = || UnlinkError::from(Fault::Busy("this account is being changed"));
        retry(MAX_TRIES, busy, || async {
            let account = accounts.open(id).await?.ok_or(UnlinkError::NotLinked)?;
            let mut user = account.user.clone();
            if user.identities.remove(provider).is_none() {
                return Err(UnlinkError::NotLinked);
            }
            let mut event = accounts.audit.event(Action::IdentityUnlinked, Actor::User(id), from)?;
            event.resource = Some(format!("identity:{provider}"));
            event.details.insert("provider".to_owned(), provider.to_string());
            if !account.opens_without(provider) {
                event.action = Action::IdentityRefused;
                event.details.insert("reason".to_owned(), "last_way_in".to_owned());
                accounts.audit.append(&event).await?;
                return Err(UnlinkError::LastWayIn);
            }
            let mut writes = account.replace(&user)?;
            writes.push(accounts.audit.write(&event)?);
            Ok(Commit::of(accounts.commit_change(id, &writes).await, user)?)
        })
        .await
    }
}

use super::TokenVault;
use crate::account::accounts::Accounts;
use crate::fault::Fault;
use crate::model::User;
use crate::model::audit::{Action, Actor, Event, Requester};
use crate::model::identity::{ExternalIdentity, Identity, ProviderRefreshToken};
use crate::port::EntropyError;
use crate::port::table::Write;
use crate::{Timestamp, UserId};

/// Data from a return from a provider.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub external: &'a ExternalIdentity,
    pub refresh_token: Option<&'a ProviderRefreshToken>,
    pub from: &'a Requester,
    /// Action in the audit log for a user who was known before.
    pub action: Action,
}

impl Proof<'_> {
    /// Returns the identity that `user` gets with this proof.
    pub fn identity(
        &self,
        user: &User,
        vault: &TokenVault,
        now: Timestamp,
        last_sign_in: Option<Timestamp>,
    ) -> Result<Identity, Fault> {
        let ExternalIdentity { provider, issuer, subject, .. } = self.external;
        Ok(Identity {
            user: user.clone(),
            provider: provider.clone(),
            issuer: issuer.clone(),
            subject: subject.clone(),
            profile: self.external.into(),
            linked_at: now,
            last_sign_in,
            refresh_token: vault.seal(user.id, (issuer, subject), self.refresh_token, None)?,
            sole: None,
        })
    }

    /// Returns an audit event about it.
    pub fn event(&self, accounts: &Accounts, action: Action, actor: Actor) -> Result<Event, EntropyError> {
        let mut event = accounts.audit.event(action, actor, self.from)?;
        event.details.insert("provider".to_owned(), self.external.provider.to_string());
        event.details.insert("issuer".to_owned(), self.external.issuer.to_string());
        Ok(event)
    }

    /// Returns the event of a user who is signed in.
    pub fn entry(&self, accounts: &Accounts, action: Action, user: UserId) -> Result<Write, Fault> {
        Ok(accounts.audit.write(&self.event(accounts, action, Actor::User(user))?)?)
    }

    /// Reports a refusal.
    pub async fn refuse(
        &self,
        accounts: &Accounts,
        action: Action,
        user: Option<UserId>,
        reason: &str,
    ) -> Result<(), Fault> {
        let mut event = self.event(accounts, action, Actor::Anonymous)?;
        event.user_id = user;
        event.details.insert("reason".to_owned(), reason.to_owned());
        Ok(accounts.audit.append(&event).await?)
    }
}

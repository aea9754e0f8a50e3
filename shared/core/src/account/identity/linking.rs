use std::collections::BTreeMap;
use std::sync::Arc;

use super::TokenVault;
use super::proof::Proof;
use crate::account::accounts::Accounts;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::identity::{
    ExternalIdentity, Identity, IdentityHash, LinkTicket, MAX_IDENTITIES, ProviderName, ProviderProfile,
    ProviderRefreshToken,
};
use crate::model::permission::{Policy, Versioned};
use crate::model::{Account, Login, ReauthenticationRequired, Session, User};
use crate::optimistic::{Commit, MAX_TRIES, retry_from};
use crate::permission::Roles;
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::Live;
use crate::{Email, UserId};

/// Reason that an identity was not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The session that started the link has ended.
    #[error("the session has ended; sign in again")]
    SessionEnded,
    /// The identity belongs to another account.
    #[error("this identity belongs to another account: unlink it there first")]
    LinkedElsewhere,
    /// The account has another identity of this provider.
    #[error("another identity of this provider is linked: unlink it first")]
    ProviderLinked,
    /// The account has [`MAX_IDENTITIES`] already.
    #[error("{MAX_IDENTITIES} identities are linked already: unlink one first")]
    TooMany,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(LinkError);

/// Result of a read based on a snapshot of the account.
enum Found {
    /// All items that a link writes.
    Current(Box<Current>),
    /// The account has changed since the snapshot: read again with this one.
    Outdated(AccountSnapshot),
}

/// The account and the session that link, with the identity if it already belongs to an account.
struct Current {
    account: Account,
    session: Item,
    identity: Option<Item>,
}

/// Known e-mail address and identities of an account. They give the keys that a link reads.
type AccountSnapshot = (Email, BTreeMap<ProviderName, IdentityHash>);

/// Identities of an account: list, link and unlink.
pub struct IdentityLinking {
    pub(super) accounts: Arc<Accounts>,
    vault: Arc<TokenVault>,
}

impl IdentityLinking {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, vault: Arc<TokenVault>) -> Self {
        Self { accounts, vault }
    }

    /// Returns the identities of `user`, ordered by provider name: one read.
    pub async fn list(&self, user: &User) -> Result<Vec<Identity>, StoreError> {
        self.accounts.identities(user).await
    }

    /// Allows the caller to link an identity, if they signed in within the last ten minutes. Does not read the store.
    pub fn allow(&self, caller: &Live) -> Result<LinkTicket, ReauthenticationRequired> {
        caller.session.demand_recent_sign_in(self.accounts.now())?;
        let User { id, email, identities, .. } = &caller.user;
        Ok(LinkTicket {
            user: *id,
            session: caller.session.id,
            email: email.clone(),
            identities: identities.clone(),
        })
    }

    /// Links an identity to the account of the ticket: one read and one commit, and one more read if the account changed since
    /// the ticket was issued. Linking an identity that is already linked is not an error.
    pub async fn link(
        &self,
        ticket: &LinkTicket,
        external: &ExternalIdentity,
        refresh_token: Option<&ProviderRefreshToken>,
        from: &Requester,
    ) -> Result<User, LinkError> {
        let proof = &Proof { external, refresh_token, from, action: Action::IdentityLinked };
        let known = (ticket.email.clone(), ticket.identities.clone());
        let busy = || LinkError::from(Fault::Busy("this account is being changed"));
        let linked = retry_from(known, MAX_TRIES, busy, |known| async move {
            match self.find(ticket, external, &known).await? {
                Found::Outdated(current) => Ok(Commit::Conflict(current)),
                Found::Current(found) => Ok(match self.try_link(proof, ticket, *found).await? {
                    Commit::Done(user) => Commit::Done(user),
                    Commit::Conflict(()) => Commit::Conflict(known),
                }),
            }
        })
        .await;
        if let Err(refusal) = &linked {
            self.refuse(proof, ticket.user, refusal).await?;
        }
        linked
    }

    /// Reads all items at once, by the keys of the snapshot.
    async fn find(
        &self,
        ticket: &LinkTicket,
        external: &ExternalIdentity,
        known: &AccountSnapshot,
    ) -> Result<Found, LinkError> {
        let now = self.accounts.now();
        let mut keys = vec![
            User::key(ticket.user),
            Session::key(ticket.user, ticket.session),
            Identity::key_of(external),
            Login::key(&known.0),
            Roles::key(),
        ];
        keys.extend(known.1.values().map(Identity::key));
        let mut items = self.accounts.table.get(&keys, now).await?.into_iter();
        let mut next = || items.next().flatten();
        let (user_item, session_item, identity, login) = (next(), next(), next(), next());
        let policy = Versioned::<Policy>::read(next().as_ref())?.value;
        let (Some(user_item), Some(session_item)) = (user_item, session_item) else {
            return Err(LinkError::SessionEnded);
        };
        let user: User = user_item.decode()?;
        let session: Session = session_item.decode()?;
        if !session.lives(&user, now) || session.is_ended(policy.sessions_from()) {
            return Err(LinkError::SessionEnded);
        }
        let current = (user.email, user.identities);
        let Some(login) = login.filter(|_| current == *known) else { return Ok(Found::Outdated(current)) };
        let siblings: Vec<Item> = items.flatten().collect();
        let account = Account::decode(&user_item, &login, &siblings)?;
        Ok(Found::Current(Box::new(Current { account, session: session_item, identity })))
    }

    async fn try_link(
        &self,
        proof: &Proof<'_>,
        ticket: &LinkTicket,
        found: Current,
    ) -> Result<Commit<User>, LinkError> {
        let Current { account, session, identity } = found;
        let (accounts, external) = (&*self.accounts, proof.external);
        if let Some(item) = identity {
            return self.link_again(proof, ticket, &item).await;
        }
        if account.user.identities.contains_key(&external.provider) {
            return Err(LinkError::ProviderLinked);
        }
        if account.user.identities.len() >= MAX_IDENTITIES {
            return Err(LinkError::TooMany);
        }
        let mut user = account.user.clone();
        user.identities
            .insert(external.provider.clone(), IdentityHash::of(&external.issuer, &external.subject));
        let mut event = proof.event(accounts, Action::IdentityLinked, Actor::User(user.id))?;
        event.resource = Some(format!("identity:{}", external.provider));
        let identity = proof.identity(&user, &self.vault, accounts.now(), None)?;
        let mut writes = vec![Write::create(Identity::key_of(external), &identity)?];
        writes.extend(account.replace(&user)?);
        // Signing out also ends what the session started.
        writes.push(Write::Check { key: session.key, condition: Condition::Unchanged(session.version) });
        writes.push(accounts.audit.write(&event)?);
        Ok(Commit::of(accounts.commit_change(user.id, &writes).await, user)?)
    }

    /// Handles an identity that already belongs to an account. If it is the caller's own, stores the new profile.
    async fn link_again(
        &self,
        proof: &Proof<'_>,
        ticket: &LinkTicket,
        item: &Item,
    ) -> Result<Commit<User>, LinkError> {
        let before: Identity = item.decode()?;
        if before.user.id != ticket.user {
            return Err(LinkError::LinkedElsewhere);
        }
        let of = (&before.issuer, &before.subject);
        let identity = Identity {
            refresh_token: self.vault.seal(
                before.user.id,
                of,
                proof.refresh_token,
                before.refresh_token.as_ref(),
            )?,
            // The account's own profile follows at sign-ins, which compare with this one.
            profile: if before.sole.is_some() {
                before.profile.clone()
            } else {
                ProviderProfile::from(proof.external).after(&before.profile)
            },
            ..before.clone()
        };
        let write = Write::replace(item.key.clone(), &identity, item.version)?;
        Ok(Commit::of(self.accounts.commit(&[write]).await, before.user)?)
    }

    async fn refuse(&self, proof: &Proof<'_>, user: UserId, refusal: &LinkError) -> Result<(), LinkError> {
        let reason = match refusal {
            LinkError::SessionEnded => "session_ended",
            LinkError::LinkedElsewhere => "linked_elsewhere",
            LinkError::ProviderLinked => "provider_linked",
            LinkError::TooMany => "too_many_identities",
            LinkError::Fault(_) => return Ok(()),
        };
        Ok(proof.refuse(&self.accounts, Action::IdentityRefused, Some(user), reason).await?)
    }
}

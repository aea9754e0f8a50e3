use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::signin::Proof;
use super::{Identity, IdentityHash, MAX_IDENTITIES, ProviderGrant, ProviderProfile};
use crate::account::accounts::{MAX_TRIES, conflict};
use crate::account::{Account, AccountError, Accounts, Login, User};
use crate::audit::{Action, Actor, Requester};
use crate::oauth::{ExternalIdentity, ProviderName};
use crate::permission::{Policy, Roles, Versioned};
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::{Live, ReauthenticationRequired, Session};
use crate::{Email, SessionId, UserId};

/// Allows one signed-in user to link an identity: made when the flow begins and only for who signed in a moment ago, carried
/// through the flow under its seal, and good for as long as that. What it says of the account only saves a read; it is checked
/// when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkTicket {
    user: UserId,
    session: SessionId,
    email: Email,
    identities: BTreeMap<ProviderName, IdentityHash>,
}

impl LinkTicket {
    /// Who links.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// In which session.
    pub fn session(&self) -> SessionId {
        self.session
    }
}

/// Why an identity was not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The session in which the link was begun has ended.
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
    /// It could not be carried out.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

/// What was read of the account that links, and of the identity.
struct Found {
    account: Account,
    session: Item,
    identity: Option<Item>,
}

impl Accounts {
    /// Allows the caller to link an identity, when they signed in within the last ten minutes. Asks no store.
    pub fn allow_link(&self, caller: &Live) -> Result<LinkTicket, ReauthenticationRequired> {
        caller.session.demand_recent_sign_in(self.clock.now())?;
        let User { id, email, identities, .. } = &caller.user;
        Ok(LinkTicket {
            user: *id,
            session: caller.session.id,
            email: email.clone(),
            identities: identities.clone(),
        })
    }

    /// Links an identity to the account of whoever the ticket allows it: one read and one commit, and one more read when the
    /// account changed since the ticket was made. Linking what is linked already is fine.
    pub async fn link_identity(
        &self,
        ticket: &LinkTicket,
        external: &ExternalIdentity,
        grant: Option<&ProviderGrant>,
        from: &Requester,
    ) -> Result<User, LinkError> {
        let proof = Proof { external, grant, from, action: Action::IdentityLinked };
        let mut known = (ticket.email.clone(), ticket.identities.clone());
        for _ in 0..MAX_TRIES {
            let Some(found) = self.find_for_link(ticket, external, &mut known).await? else { continue };
            let linked = match found {
                Ok(found) => self.try_link(&proof, ticket, found).await?,
                Err(refusal) => Some(Err(refusal)),
            };
            match linked {
                Some(Ok(user)) => return Ok(user),
                Some(Err(refusal)) => {
                    self.refuse_link(&proof, ticket.user, &refusal).await?;
                    return Err(refusal);
                }
                None => {}
            }
        }
        Err(AccountError::Busy("this account is being changed").into())
    }

    /// Everything in one read, by what is known of the account. None when that was outdated; then it is known now.
    async fn find_for_link(
        &self,
        ticket: &LinkTicket,
        external: &ExternalIdentity,
        known: &mut (Email, BTreeMap<ProviderName, IdentityHash>),
    ) -> Result<Option<Result<Found, LinkError>>, StoreError> {
        let now = self.clock.now();
        let mut keys = vec![
            User::key(ticket.user),
            Session::key(ticket.user, ticket.session),
            Identity::key_of(external),
            Login::key(&known.0),
            Roles::key(),
        ];
        keys.extend(known.1.values().map(Identity::key));
        let mut items = self.table.get(&keys, now).await?.into_iter();
        let mut next = || items.next().flatten();
        let (user_item, session_item, identity, login) = (next(), next(), next(), next());
        let policy = Versioned::<Policy>::read(next().as_ref())?.value;
        let (Some(user_item), Some(session_item)) = (user_item, session_item) else {
            return Ok(Some(Err(LinkError::SessionEnded)));
        };
        let user: User = user_item.decode()?;
        let session: Session = session_item.decode()?;
        if !session.lives(&user, now) || session.is_ended(policy.sessions_from()) {
            return Ok(Some(Err(LinkError::SessionEnded)));
        }
        let current = (user.email, user.identities);
        let Some(login) = login.filter(|_| current == *known) else {
            *known = current;
            return Ok(None);
        };
        let siblings: Vec<Item> = items.flatten().collect();
        let account = Account::decode(&user_item, &login, &siblings)?;
        Ok(Some(Ok(Found { account, session: session_item, identity })))
    }

    /// None when something changed meanwhile.
    async fn try_link(
        &self,
        proof: &Proof<'_>,
        ticket: &LinkTicket,
        found: Found,
    ) -> Result<Option<Result<User, LinkError>>, LinkError> {
        let Found { account, session, identity } = found;
        let external = proof.external;
        if let Some(item) = identity {
            return self.link_again(proof, ticket, &item).await;
        }
        if account.user.identities.contains_key(&external.provider) {
            return Ok(Some(Err(LinkError::ProviderLinked)));
        }
        if account.user.identities.len() >= MAX_IDENTITIES {
            return Ok(Some(Err(LinkError::TooMany)));
        }
        let mut user = account.user.clone();
        user.identities
            .insert(external.provider.clone(), IdentityHash::of(&external.issuer, &external.subject));
        let mut event = self
            .identity_event(Action::IdentityLinked, Actor::User(user.id), proof)
            .map_err(AccountError::from)?;
        event.resource = Some(format!("identity:{}", external.provider));
        let mut writes =
            vec![Write::create(Identity::key_of(external), &self.new_identity(&user, proof, None)?)?];
        writes.extend(account.replace(&user)?);
        // Signing out ends what was begun while signed in.
        writes.push(Write::Check { key: session.key, condition: Condition::Unchanged(session.version) });
        writes.push(self.audit.write(&event)?);
        let committed = self.table.commit(&writes, self.clock.now()).await;
        // Without an answer it may have happened.
        self.sessions.memory().forget_user(user.id);
        match conflict(committed)? {
            None => Ok(Some(Ok(user))),
            Some(_) => Ok(None),
        }
    }

    /// The identity is somebody's already. When it is the caller's own, what the provider says is taken over.
    async fn link_again(
        &self,
        proof: &Proof<'_>,
        ticket: &LinkTicket,
        item: &Item,
    ) -> Result<Option<Result<User, LinkError>>, LinkError> {
        let before: Identity = item.decode()?;
        if before.user.id != ticket.user {
            return Ok(Some(Err(LinkError::LinkedElsewhere)));
        }
        let of = (&before.issuer, &before.subject);
        let identity = Identity {
            grant: self.seal_grant(before.user.id, of, proof.grant, before.grant.as_ref())?,
            // The account's own profile follows at sign-ins, which compare with what is here.
            profile: if before.sole.is_some() {
                before.profile.clone()
            } else {
                ProviderProfile::from(proof.external).after(&before.profile)
            },
            ..before.clone()
        };
        let write = Write::replace(item.key.clone(), &identity, item.version)?;
        match conflict(self.table.commit(&[write], self.clock.now()).await)? {
            None => Ok(Some(Ok(before.user))),
            Some(_) => Ok(None),
        }
    }

    async fn refuse_link(
        &self,
        proof: &Proof<'_>,
        user: UserId,
        refusal: &LinkError,
    ) -> Result<(), LinkError> {
        let reason = match refusal {
            LinkError::SessionEnded => "session_ended",
            LinkError::LinkedElsewhere => "linked_elsewhere",
            LinkError::ProviderLinked => "provider_linked",
            LinkError::TooMany => "too_many_identities",
            LinkError::Account(_) => return Ok(()),
        };
        Ok(self.refuse(proof, Action::IdentityRefused, Some(user), reason).await?)
    }
}

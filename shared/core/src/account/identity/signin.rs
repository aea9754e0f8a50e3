use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::displaced::{Displaced, Holder};
use super::record::Sole;
use super::{Handle, Identity, IdentityHash, ProviderGrant, ProviderProfile};
use crate::account::accounts::{MAX_TRIES, conflict};
use crate::account::{Account, AccountError, Accounts, Login, Status, User};
use crate::audit::{Action, Actor, Event, Requester};
use crate::oauth::ExternalIdentity;
use crate::permission::RoleName;
use crate::port::table::{Condition, Item, Version, Write};
use crate::port::{EntropyError, StoreError};
use crate::session::{Opening, SignedIn};
use crate::{Email, UserId};

/// How exact the time of the last sign-in is. Sign-ins at once do not write the identity each, and so do not wait for each other.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// Who signed in with a provider.
#[derive(Debug)]
pub struct IdentitySignedIn {
    /// The session that began.
    pub signed_in: SignedIn,
    /// Whether the account was made by it.
    pub created: bool,
}

/// Why nobody was signed in with a provider.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The identity is new, and its e-mail address belongs to an account that it may not enter: only the owner can link the
    /// two, while signed in.
    #[error("this e-mail address has an account already: sign in to it, and link the provider there")]
    AccountExists,
    /// The identity is new, and its provider vouches for no e-mail address.
    #[error("the provider confirms no e-mail address: confirm one there and try again")]
    NoVerifiedEmail,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// It could not be carried out.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl From<EntropyError> for IdentityError {
    fn from(error: EntropyError) -> Self {
        Self::Account(error.into())
    }
}

/// What a return from a provider brings.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub external: &'a ExternalIdentity,
    pub grant: Option<&'a ProviderGrant>,
    pub from: &'a Requester,
    /// What the audit log says of somebody who was known already.
    pub action: Action,
}

/// Somebody who was let in, with what began for them.
pub(super) struct Entered<T> {
    pub user: User,
    pub begun: T,
    pub created: bool,
}

impl Accounts {
    /// Signs in whoever a provider vouches for: one read and one commit.
    ///
    /// An account is found by issuer and subject and by nothing else. A new identity makes an account, with its e-mail
    /// address, handle, default role and session in that one commit; each that must be free is a condition of it, so of any
    /// number of first sign-ins at once one makes the account and the others sign in to it. A handle that is taken costs a
    /// further commit. An account that holds the address without having proved it gives way.
    pub async fn sign_in_with_identity(
        &self,
        external: &ExternalIdentity,
        grant: Option<&ProviderGrant>,
        opening: &Opening<'_>,
    ) -> Result<IdentitySignedIn, IdentityError> {
        let proof = Proof { external, grant, from: opening.from, action: Action::SigninSucceeded };
        let signer = self.sessions.signer().await.map_err(AccountError::from)?;
        let entered = self
            .enter(&proof, |user| {
                let started = self.sessions.start(user, opening, &signer)?;
                let writes = started.writes()?;
                Ok((started, writes))
            })
            .await?;
        let Entered { user, begun, created } = entered;
        let signed_in = if created {
            self.sessions.signed_up(user, begun)
        } else {
            self.sessions.signed_in(user, begun).await
        };
        Ok(IdentitySignedIn { signed_in, created })
    }

    /// Lets in whoever a provider vouches for; `begin` says what begins for them, with its writes.
    pub(super) async fn enter<T>(
        &self,
        proof: &Proof<'_>,
        begin: impl Fn(&User) -> Result<(T, Vec<Write>), AccountError>,
    ) -> Result<Entered<T>, IdentityError> {
        let key = Identity::key_of(proof.external);
        for _ in 0..MAX_TRIES {
            let found = self.table.get(std::slice::from_ref(&key), self.clock.now()).await?.pop().flatten();
            let entered = match found {
                Some(item) => self.enter_known(proof, &item, &begin).await?,
                None => self.enter_new(proof, &begin).await?,
            };
            if let Some(entered) = entered {
                return Ok(entered);
            }
        }
        Err(AccountError::Busy("this identity is being signed in with").into())
    }

    /// None when the account changed meanwhile.
    async fn enter_known<T>(
        &self,
        proof: &Proof<'_>,
        item: &Item,
        begin: impl Fn(&User) -> Result<(T, Vec<Write>), AccountError>,
    ) -> Result<Option<Entered<T>>, IdentityError> {
        let now = self.clock.now();
        let before: Identity = item.decode()?;
        if !before.user.is_active() {
            self.refuse(proof, Action::SigninRefused, Some(before.user.id), "account_disabled").await?;
            return Err(IdentityError::Disabled);
        }
        let of = (&before.issuer, &before.subject);
        let identity = Identity {
            profile: ProviderProfile::from(proof.external).after(&before.profile),
            last_sign_in: before.last_sign_in.filter(|last| now.since(*last) < NOTED_EVERY).or(Some(now)),
            // Under another name the provider has another client, which alone could use it.
            grant: self.seal_grant(
                before.user.id,
                of,
                proof.grant.filter(|_| before.provider == proof.external.provider),
                before.grant.as_ref(),
            )?,
            ..before.clone()
        };
        let user = followed(&before, &identity.profile);
        let begun = begin(&user)?;
        let mut writes = Vec::new();
        if identity == before && user == before.user {
            let condition = Condition::Unchanged(item.version);
            writes.push(Write::Check { key: item.key.clone(), condition });
        } else if user == before.user {
            writes.push(Write::replace(item.key.clone(), &identity, item.version)?);
        } else if let Some(account) = Account::of_sole(identity, item.version) {
            writes.extend(account.replace(&user)?);
        }
        writes.extend(begun.1);
        writes.push(self.entry_event(proof, proof.action, user.id)?);
        let committed = self.table.commit(&writes, now).await;
        if user != before.user {
            // Without an answer it may have happened.
            self.sessions.memory().forget_user(user.id);
        }
        match conflict(committed)? {
            None => Ok(Some(Entered { user, begun: begun.0, created: false })),
            Some(_) => Ok(None),
        }
    }

    /// None when somebody else made the account meanwhile.
    async fn enter_new<T>(
        &self,
        proof: &Proof<'_>,
        begin: impl Fn(&User) -> Result<(T, Vec<Write>), AccountError>,
    ) -> Result<Option<Entered<T>>, IdentityError> {
        let Some(email) = &proof.external.verified_email else {
            self.refuse(proof, Action::SignupRefused, None, "no_verified_email").await?;
            return Err(IdentityError::NoVerifiedEmail);
        };
        let (mut handles, mut displaced) = (0, None::<Displaced>);
        for _ in 0..2 * MAX_TRIES {
            let now = self.clock.now();
            let handle = Handle::candidate(proof.external, handles, &*self.entropy)?;
            // It is freed by the commit that would take it.
            if displaced.as_ref().is_some_and(|displaced| displaced.is_called(&handle)) {
                handles += 1;
                continue;
            }
            let user = self.new_external_user(proof.external, email, handle)?;
            let begun = begin(&user)?;
            let identity = self.new_identity(&user, proof, Some(now))?;
            let login = Login { user: user.clone(), credential: None };
            let (login, login_version) = match &displaced {
                Some(displaced) => displaced.login_for(&login)?,
                None => (Write::create(Login::key(email), &login)?, Version::first(now)),
            };
            let identity = Identity { sole: Some(Sole::new(Version::first(now), login_version)), ..identity };
            // The order tells what a conflict means: the same identity first, so that only strangers meet at the address.
            let (taken_identity, taken_email, taken_handle) = (0, 1, 2);
            let mut writes = vec![Write::create(Identity::key_of(proof.external), &identity)?, login];
            writes.extend(
                user.handle
                    .iter()
                    .map(|h| Write::create(h.key(), &user.id))
                    .collect::<Result<Vec<_>, _>>()?,
            );
            writes.push(Write::create(User::key(user.id), &user)?.indexed(User::place(user.id)));
            writes.extend(begun.1);
            writes.push(self.entry_event(proof, Action::SignupSucceeded, user.id)?);
            if let Some(displaced) = &displaced {
                writes.extend(displaced.writes());
                writes.push(self.displaced_event(proof, displaced, user.id)?);
            }
            let committed = self.table.commit(&writes, now).await;
            if let Some(displaced) = &displaced {
                // Without an answer it may have happened.
                self.sessions.memory().forget_user(displaced.user());
            }
            match conflict(committed)? {
                None => {
                    if let Some(displaced) = &displaced {
                        self.sweep(displaced.user()).await;
                    }
                    return Ok(Some(Entered { user, begun: begun.0, created: true }));
                }
                Some(write) if write == taken_identity => return Ok(None),
                Some(write) if write == taken_handle => handles += 1,
                // Only the address is left, and what the account that holds it consists of: all other names are random.
                Some(write) if write == taken_email || displaced.is_some() => {
                    displaced = match self.holder(email).await? {
                        Holder::Nobody => None,
                        // Linked to it in this moment: the identity is known now.
                        Holder::Unproven(holder) if holder.has(proof.external) => return Ok(None),
                        Holder::Unproven(holder) => Some(*holder),
                        Holder::Proven(reason) => {
                            self.refuse(proof, Action::SignupRefused, None, reason).await?;
                            return Err(IdentityError::AccountExists);
                        }
                    };
                }
                Some(_) => return Ok(None),
            }
        }
        Err(AccountError::Busy("no handle was free, or the address is being signed up with").into())
    }

    fn new_external_user(
        &self,
        external: &ExternalIdentity,
        email: &Email,
        handle: Handle,
    ) -> Result<User, AccountError> {
        let ProviderProfile { name, avatar, .. } = external.into();
        let hash = IdentityHash::of(&external.issuer, &external.subject);
        Ok(User {
            id: UserId::new(&*self.clock, &*self.entropy)?,
            email: email.clone(),
            email_verified: true,
            name,
            handle: Some(handle),
            avatar,
            status: Status::Active,
            roles: BTreeSet::from([RoleName::USER]),
            identities: BTreeMap::from([(external.provider.clone(), hash)]),
            epoch: 0,
            created_at: self.clock.now(),
        })
    }

    /// The identity that `user` gets by this proof.
    pub(super) fn new_identity(
        &self,
        user: &User,
        proof: &Proof<'_>,
        last_sign_in: Option<crate::Timestamp>,
    ) -> Result<Identity, AccountError> {
        let ExternalIdentity { provider, issuer, subject, .. } = proof.external;
        Ok(Identity {
            user: user.clone(),
            provider: provider.clone(),
            issuer: issuer.clone(),
            subject: subject.clone(),
            profile: proof.external.into(),
            linked_at: self.clock.now(),
            last_sign_in,
            grant: self.seal_grant(user.id, (issuer, subject), proof.grant, None)?,
            sole: None,
        })
    }

    /// Reports a refusal.
    pub(super) async fn refuse(
        &self,
        proof: &Proof<'_>,
        action: Action,
        user: Option<UserId>,
        reason: &str,
    ) -> Result<(), AccountError> {
        let mut event = self.identity_event(action, Actor::Anonymous, proof)?;
        event.user_id = user;
        event.details.insert("reason".to_owned(), reason.to_owned());
        Ok(self.audit.append(&event).await?)
    }

    fn entry_event(&self, proof: &Proof<'_>, action: Action, user: UserId) -> Result<Write, AccountError> {
        Ok(self.audit.write(&self.identity_event(action, Actor::User(user), proof)?)?)
    }

    pub(super) fn identity_event(
        &self,
        action: Action,
        actor: Actor,
        proof: &Proof<'_>,
    ) -> Result<Event, EntropyError> {
        let mut event = self.audit.event(action, actor, proof.from)?;
        event.details.insert("provider".to_owned(), proof.external.provider.to_string());
        event.details.insert("issuer".to_owned(), proof.external.issuer.to_string());
        Ok(event)
    }
}

/// The user after a sign-in at which the provider says `now` of them. While the identity is the only way in, name and picture
/// follow what the provider changed since the last time; what it does not mention, and what the owner changed here, stays. With
/// several ways in no provider overrules the others or the owner.
fn followed(before: &Identity, now: &ProviderProfile) -> User {
    let mut user = before.user.clone();
    if before.sole.is_some() {
        if now.name != before.profile.name {
            user.name.clone_from(&now.name);
        }
        if now.avatar != before.profile.avatar {
            user.avatar.clone_from(&now.avatar);
        }
    }
    user
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::TokenVault;
use super::displaced::{AddressOwner, DisplacedAccount};
use super::proof::Proof;
use crate::account::accounts::Accounts;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::Action;
use crate::model::identity::{
    ExternalIdentity, Handle, Identity, IdentityHash, ProviderProfile, ProviderRefreshToken, Sole,
};
use crate::model::permission::RoleName;
use crate::model::{Account, Login, Status, User};
use crate::optimistic::{Commit, MAX_TRIES, retry, retry_from};
use crate::port::table::{CommitError, Condition, Item, Version, Write};
use crate::session::{NewSession, Opening};
use crate::{Email, UserId};

/// Accuracy of the time of the last sign-in. Because of it, parallel sign-ins do not each write the identity, and so do not
/// wait for each other.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// Result of a sign-in with a provider.
#[derive(Debug)]
pub struct ProviderSession {
    /// New session.
    pub signed_in: NewSession,
    /// True if the sign-in created the account.
    pub created: bool,
}

/// Reason that a sign-in with a provider failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The identity is new, and its e-mail address belongs to an account that it may not enter. Only the signed-in owner can
    /// link the two.
    #[error("this e-mail address has an account already: sign in to it, and link the provider there")]
    AccountExists,
    /// The identity is new, and its provider vouches for no e-mail address.
    #[error("the provider confirms no e-mail address: confirm one there and try again")]
    NoVerifiedEmail,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(IdentityError);

/// A user who was signed in, with the session or code that started.
pub(super) struct Entry<T> {
    pub user: User,
    pub begun: T,
    pub created: bool,
}

/// State that one attempt to create an account passes to the next.
struct Newcomer {
    /// Number of handles that were taken.
    attempt: usize,
    /// Account to delete.
    displaced: Option<Box<DisplacedAccount>>,
}

impl Newcomer {
    fn with_next_handle(self) -> Self {
        Self { attempt: self.attempt + 1, ..self }
    }
}

/// Sign-in with providers. It signs in the users for whom they vouch, and signs up new ones.
pub struct ProviderSignIn {
    pub(super) accounts: Arc<Accounts>,
    vault: Arc<TokenVault>,
}

impl ProviderSignIn {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, vault: Arc<TokenVault>) -> Self {
        Self { accounts, vault }
    }

    /// Signs in a user for whom a provider vouches: one read and one commit.
    ///
    /// Only issuer and subject select the account. A new identity creates an account, with its e-mail address, handle, default
    /// role and session in that one commit. All names that must be free are conditions of the commit, so of several parallel
    /// first sign-ins one creates the account and the others sign in to it. A handle that is taken costs a further commit. An
    /// account that has the address without having proved it is deleted.
    pub async fn sign_in(
        &self,
        external: &ExternalIdentity,
        refresh_token: Option<&ProviderRefreshToken>,
        opening: &Opening<'_>,
    ) -> Result<ProviderSession, IdentityError> {
        let proof = Proof { external, refresh_token, from: opening.from, action: Action::SigninSucceeded };
        let sessions = &self.accounts.sessions;
        let signer = sessions.signer().await?;
        let entered = self
            .enter(&proof, |user| {
                let started = sessions.start(user, opening, &signer)?;
                let writes = started.writes()?;
                Ok((started, writes))
            })
            .await?;
        let Entry { user, begun, created } = entered;
        let signed_in =
            if created { sessions.signed_up(user, begun) } else { sessions.signed_in(user, begun).await };
        Ok(ProviderSession { signed_in, created })
    }

    /// Signs in a user for whom a provider vouches. `begin` returns the session or code that starts, with its writes.
    pub(super) async fn enter<T>(
        &self,
        proof: &Proof<'_>,
        begin: impl Fn(&User) -> Result<(T, Vec<Write>), Fault>,
    ) -> Result<Entry<T>, IdentityError> {
        let (key, begin) = (Identity::key_of(proof.external), &begin);
        let busy = || IdentityError::from(Fault::Busy("this identity is being signed in with"));
        retry(MAX_TRIES, busy, || async {
            match self.accounts.item(key.clone()).await? {
                Some(item) => self.enter_known(proof, &item, begin).await,
                None => self.enter_new(proof, begin).await,
            }
        })
        .await
    }

    /// Signs in a user whose identity is known.
    async fn enter_known<T>(
        &self,
        proof: &Proof<'_>,
        item: &Item,
        begin: &impl Fn(&User) -> Result<(T, Vec<Write>), Fault>,
    ) -> Result<Commit<Entry<T>>, IdentityError> {
        let now = self.accounts.now();
        let before: Identity = item.decode()?;
        if !before.user.is_active() {
            let user = Some(before.user.id);
            proof.refuse(&self.accounts, Action::SigninRefused, user, "account_disabled").await?;
            return Err(IdentityError::Disabled);
        }
        let of = (&before.issuer, &before.subject);
        let identity = Identity {
            profile: ProviderProfile::from(proof.external).after(&before.profile),
            last_sign_in: before.last_sign_in.filter(|last| now.since(*last) < NOTED_EVERY).or(Some(now)),
            // Under another provider name the token belongs to another client, and only that client could use it.
            refresh_token: self.vault.seal(
                before.user.id,
                of,
                proof.refresh_token.filter(|_| before.provider == proof.external.provider),
                before.refresh_token.as_ref(),
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
        writes.push(proof.entry(&self.accounts, proof.action, user.id)?);
        let committed = if user == before.user {
            self.accounts.commit(&writes).await
        } else {
            self.accounts.commit_change(user.id, &writes).await
        };
        Ok(Commit::of(committed, Entry { user, begun: begun.0, created: false })?)
    }

    /// Creates the account of a user whose identity is new.
    async fn enter_new<T>(
        &self,
        proof: &Proof<'_>,
        begin: &impl Fn(&User) -> Result<(T, Vec<Write>), Fault>,
    ) -> Result<Commit<Entry<T>>, IdentityError> {
        let Some(email) = &proof.external.verified_email else {
            proof.refuse(&self.accounts, Action::SignupRefused, None, "no_verified_email").await?;
            return Err(IdentityError::NoVerifiedEmail);
        };
        let busy =
            || IdentityError::from(Fault::Busy("no handle was free, or the address is being signed up with"));
        let first = Newcomer { attempt: 0, displaced: None };
        let attempt = |newcomer| self.try_new(proof, email, newcomer, begin);
        let entered = retry_from(first, 2 * MAX_TRIES, busy, attempt).await?;
        Ok(entered.map_or(Commit::Conflict(()), Commit::Done))
    }

    /// Tries to create the account with one handle. Returns `None` if the identity belongs to an account by now.
    async fn try_new<T>(
        &self,
        proof: &Proof<'_>,
        email: &Email,
        newcomer: Newcomer,
        begin: &impl Fn(&User) -> Result<(T, Vec<Write>), Fault>,
    ) -> Result<Commit<Option<Entry<T>>, Newcomer>, IdentityError> {
        let now = self.accounts.now();
        let handle = Handle::candidate(proof.external, newcomer.attempt, &*self.accounts.entropy)?;
        // The commit that would take this handle also frees it.
        if newcomer.displaced.as_ref().is_some_and(|displaced| displaced.is_called(&handle)) {
            return Ok(Commit::Conflict(newcomer.with_next_handle()));
        }
        let user = self.new_user(proof.external, email, handle)?;
        let begun = begin(&user)?;
        let identity = proof.identity(&user, &self.vault, now, Some(now))?;
        let login = Login { user: user.clone(), credential: None };
        let (login, login_version) = match &newcomer.displaced {
            Some(displaced) => displaced.login_for(&login)?,
            None => (Write::create(Login::key(email), &login)?, Version::first(now)),
        };
        let identity = Identity { sole: Some(Sole::new(Version::first(now), login_version)), ..identity };
        // The order decides the meaning of a conflict. The identity comes first, so a conflict at the address is always with
        // another person.
        let (taken_identity, taken_email, taken_handle) = (0, 1, 2);
        let mut writes = vec![Write::create(Identity::key_of(proof.external), &identity)?, login];
        if let Some(handle) = &user.handle {
            writes.push(Write::create(handle.key(), &user.id)?);
        }
        writes.push(Write::create(User::key(user.id), &user)?.indexed(User::index_key(user.id)));
        writes.extend(begun.1);
        writes.push(proof.entry(&self.accounts, Action::SignupSucceeded, user.id)?);
        if let Some(displaced) = &newcomer.displaced {
            writes.extend(displaced.writes());
            writes.push(displaced.event(&self.accounts, proof, user.id)?);
        }
        // Commit at the time from which the first versions were made.
        let committed = self.accounts.table.commit(&writes, now).await;
        if let Some(displaced) = &newcomer.displaced {
            // Without a response the commit may have happened.
            self.accounts.sessions.memory().forget_user(displaced.user());
        }
        let write = match committed {
            Ok(()) => {
                if let Some(displaced) = &newcomer.displaced {
                    self.accounts.purge_sessions(displaced.user()).await;
                }
                return Ok(Commit::Done(Some(Entry { user, begun: begun.0, created: true })));
            }
            Err(CommitError::Conflict { write }) => write,
            Err(CommitError::Store(error)) => return Err(error.into()),
        };
        if write == taken_identity {
            return Ok(Commit::Done(None));
        }
        if write == taken_handle {
            return Ok(Commit::Conflict(newcomer.with_next_handle()));
        }
        // Only the address, and the items of the account that has it, can conflict: all other names are random.
        if write != taken_email && newcomer.displaced.is_none() {
            return Ok(Commit::Done(None));
        }
        let displaced = match self.accounts.holder(email).await? {
            AddressOwner::Nobody => None,
            // The identity was linked to that account at this moment, so it is known now.
            AddressOwner::Unproven(holder) if holder.has(proof.external) => {
                return Ok(Commit::Done(None));
            }
            AddressOwner::Unproven(holder) => Some(holder),
            AddressOwner::Proven(reason) => {
                proof.refuse(&self.accounts, Action::SignupRefused, None, reason).await?;
                return Err(IdentityError::AccountExists);
            }
        };
        Ok(Commit::Conflict(Newcomer { displaced, ..newcomer }))
    }

    fn new_user(&self, external: &ExternalIdentity, email: &Email, handle: Handle) -> Result<User, Fault> {
        let ProviderProfile { name, avatar, .. } = external.into();
        let hash = IdentityHash::of(&external.issuer, &external.subject);
        Ok(User {
            id: UserId::new(&*self.accounts.clock, &*self.accounts.entropy)?,
            email: email.clone(),
            email_verified: true,
            name,
            handle: Some(handle),
            avatar,
            status: Status::Active,
            roles: BTreeSet::from([RoleName::USER]),
            identities: BTreeMap::from([(external.provider.clone(), hash)]),
            session_version: 0,
            created_at: self.accounts.now(),
        })
    }
}

/// Returns the user after a sign-in with the profile `now`. While the identity is the only way to sign in, name and picture
/// follow changes at the provider since the last sign-in. Values that the provider does not send, and values that the owner
/// changed here, stay. With several identities, no provider overrides the others or the owner.
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

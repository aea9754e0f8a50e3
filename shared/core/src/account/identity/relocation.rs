//! Changes by the operator to all identities of one issuer: moving them to another issuer, or dropping them.

use std::sync::Arc;

use crate::UserId;
use crate::account::accounts::Accounts;
use crate::fault::Fault;
use crate::model::User;
use crate::model::audit::{Action, Actor, Requester};
use crate::model::identity::{Identity, IdentityHash, Issuer, ProviderName};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::port::StoreError;
use crate::port::table::{CommitError, Write};

/// Number of accounts that are read at a time.
const PAGE: u32 = 200;

/// Identities that a [`Relocation`] changes.
#[derive(Debug, Clone, Copy)]
pub struct IssuerIdentities<'a> {
    /// Name of the provider.
    pub provider: &'a ProviderName,
    /// Issuer of the identities.
    pub issuer: &'a Issuer,
}

/// Change of the identities.
#[derive(Debug, Clone, Copy)]
pub enum Relocation<'a> {
    /// Assign them to this issuer. Only for an issuer that gives every person the same subject as the former issuer, such as
    /// the same service under a new URL.
    Move(&'a Issuer),
    /// Remove them from their accounts.
    Drop,
}

/// Result of a relocation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RelocationReport {
    /// Number of identities that were moved or dropped.
    pub changed: u64,
    /// Accounts whose identity stays. When dropping: nobody could sign in to them any more. When moving: the person already has
    /// another account with the new issuer.
    pub left: Vec<UserId>,
}

impl std::fmt::Display for RelocationReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Changed {} identities.", self.changed)?;
        if self.left.is_empty() {
            return Ok(());
        }
        write!(
            f,
            " Left {} as they are: nobody could sign in to the account without the identity, or the person has another account with the \
             new issuer. Move identities of the first kind, or delete the account.",
            self.left.len()
        )
    }
}

/// Number of identities of one provider and issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerCount {
    /// Name of the provider.
    pub provider: ProviderName,
    /// Issuer of the identities.
    pub issuer: Issuer,
    /// Number of identities.
    pub count: u64,
}

/// Changes by the operator to all identities of one issuer.
pub struct IdentityRelocation {
    accounts: Arc<Accounts>,
}

/// Result for one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was moved or dropped.
    Changed,
    /// It stays.
    Left,
    /// The account has no such identity.
    Missing,
}

impl IdentityRelocation {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>) -> Self {
        Self { accounts }
    }

    /// Counts the identities of each provider and issuer, ordered by name.
    pub async fn count_issuers(&self) -> Result<Vec<IssuerCount>, StoreError> {
        let mut counts = std::collections::BTreeMap::<(ProviderName, Issuer), u64>::new();
        let mut after = None;
        loop {
            let page = self.accounts.list(PAGE, after).await?;
            for user in &page.users {
                for identity in self.accounts.identities(user).await? {
                    *counts.entry((identity.provider, identity.issuer)).or_default() += 1;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let count = |((provider, issuer), count)| IssuerCount { provider, issuer, count };
        Ok(counts.into_iter().map(count).collect())
    }

    /// Moves or drops every identity `at` one provider and issuer: one commit per account, with its event. After an
    /// interruption, call it again to continue. A moved identity loses its stored provider refresh token.
    pub async fn relocate(
        &self,
        at: IssuerIdentities<'_>,
        to: Relocation<'_>,
    ) -> Result<RelocationReport, Fault> {
        let mut relocated = RelocationReport::default();
        let mut after = None;
        loop {
            let page = self.accounts.list(PAGE, after).await?;
            for user in page.users.iter().filter(|user| user.identities.contains_key(at.provider)) {
                match self.relocate_one(user.id, at, to).await? {
                    Fate::Changed => relocated.changed += 1,
                    Fate::Left => relocated.left.push(user.id),
                    Fate::Missing => {}
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(relocated),
            }
        }
    }

    async fn relocate_one(
        &self,
        id: UserId,
        at: IssuerIdentities<'_>,
        to: Relocation<'_>,
    ) -> Result<Fate, Fault> {
        let busy = || Fault::Busy("an account is being changed");
        retry(MAX_TRIES, busy, || async {
            let Some(account) = self.accounts.open(id).await? else { return Ok(Commit::Done(Fate::Missing)) };
            let located =
                |identity: &&Identity| identity.provider == *at.provider && identity.issuer == *at.issuer;
            let Some(identity) = account.identities().find(located) else {
                return Ok(Commit::Done(Fate::Missing));
            };
            let mut user = account.user.clone();
            let moved = match to {
                Relocation::Drop if !account.opens_without(at.provider) => {
                    return Ok(Commit::Done(Fate::Left));
                }
                Relocation::Drop => {
                    user.identities.remove(at.provider);
                    None
                }
                Relocation::Move(issuer) => {
                    let hash = IdentityHash::of(issuer, &identity.subject);
                    if hash == identity.hash() {
                        return Ok(Commit::Done(Fate::Missing));
                    }
                    // The account already has it, under the name of another provider.
                    if account.identities().any(|other| other.hash() == hash) {
                        return Ok(Commit::Done(Fate::Left));
                    }
                    user.identities.insert(at.provider.clone(), hash);
                    let moved = Identity {
                        user: user.clone(),
                        issuer: issuer.clone(),
                        refresh_token: None,
                        sole: account.sole_after(&user),
                        ..identity.clone()
                    };
                    Some(Write::create(Identity::key(&moved.hash()), &moved)?)
                }
            };
            // The identity comes first, because its conflict has a meaning of its own.
            let may_be_taken = moved.is_some();
            let mut writes: Vec<_> = moved.into_iter().collect();
            writes.extend(account.replace(&user)?);
            writes.push(self.event(&user, at, to)?);
            match self.accounts.commit_change(id, &writes).await {
                Err(CommitError::Conflict { write: 0 }) if may_be_taken => Ok(Commit::Done(Fate::Left)),
                committed => Ok(Commit::of(committed, Fate::Changed)?),
            }
        })
        .await
    }

    fn event(&self, user: &User, at: IssuerIdentities<'_>, to: Relocation<'_>) -> Result<Write, Fault> {
        let action = match to {
            Relocation::Move(_) => Action::IdentityMoved,
            Relocation::Drop => Action::IdentityUnlinked,
        };
        let mut event = self.accounts.audit.event(action, Actor::Operator, &Requester::default())?;
        event.user_id = Some(user.id);
        event.resource = Some(format!("identity:{}", at.provider));
        event.details.insert("provider".to_owned(), at.provider.to_string());
        event.details.insert("issuer".to_owned(), at.issuer.to_string());
        if let Relocation::Move(issuer) = to {
            event.details.insert("to".to_owned(), issuer.to_string());
        }
        Ok(self.accounts.audit.write(&event)?)
    }
}

//! The operator's changes to the identities of one issuer: moved to another issuer, or dropped.

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

/// How many accounts are read at a time.
const PAGE: u32 = 200;

/// The identities that a [`Relocation`] is about.
#[derive(Debug, Clone, Copy)]
pub struct IssuerIdentities<'a> {
    /// What the provider is called here.
    pub provider: &'a ProviderName,
    /// Which issuer they are of.
    pub issuer: &'a Issuer,
}

/// What becomes of them.
#[derive(Debug, Clone, Copy)]
pub enum Relocation<'a> {
    /// They are of this issuer from now on. Only for one that gives every person the subject that the former issuer gave them,
    /// such as the same service under a new URL.
    Move(&'a Issuer),
    /// They are taken from their accounts.
    Drop,
}

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RelocationReport {
    /// How many identities were moved or dropped.
    pub changed: u64,
    /// The accounts whose identity stays: when dropped, because nobody could sign in to them any more; when moved, because the
    /// person made another account with the new issuer already.
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
            " Left {} as they are: nobody could sign in to the account without one, or the person has another account with the \
             new issuer. Move the first kind, or delete the account.",
            self.left.len()
        )
    }
}

/// How many identities there are of one provider and issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerCount {
    /// What the provider is called here.
    pub provider: ProviderName,
    /// Which issuer they are of.
    pub issuer: Issuer,
    /// How many.
    pub count: u64,
}

/// The operator's changes to all identities of one issuer.
pub struct IdentityRelocation {
    accounts: Arc<Accounts>,
}

/// What became of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was moved or dropped.
    Changed,
    /// It stays.
    Left,
    /// There is no such identity.
    Missing,
}

impl IdentityRelocation {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>) -> Self {
        Self { accounts }
    }

    /// Counts the identities of each provider and issuer, by name.
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

    /// Moves or drops every identity that is `at` one provider and issuer: a commit for each account, with its event. Whatever
    /// stops it half way, it goes on where it is called again. A moved identity loses its kept refresh token.
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
                    // The account has it already, by another provider's name.
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
            // The identity first: its conflict is the one that means something.
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

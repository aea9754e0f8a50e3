//! The operator's changes to the identities of one issuer: moved to another issuer, or dropped.

use super::{Identity, IdentityHash};
use crate::UserId;
use crate::account::accounts::{MAX_TRIES, conflict};
use crate::account::{AccountError, Accounts, ManageError, User};
use crate::audit::{Action, Actor, Requester};
use crate::oauth::{Issuer, ProviderName};
use crate::port::table::Write;

/// How many accounts are read at a time.
const PAGE: u32 = 200;

/// The identities that a [`Relocation`] is about.
#[derive(Debug, Clone, Copy)]
pub struct Located<'a> {
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
pub struct Relocated {
    /// How many identities were moved or dropped.
    pub changed: u64,
    /// The accounts whose identity stays: when dropped, because nobody could sign in to them any more; when moved, because the
    /// person made another account with the new issuer already.
    pub left: Vec<UserId>,
}

impl std::fmt::Display for Relocated {
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

impl Accounts {
    /// Counts the identities of each provider and issuer, by name.
    pub async fn count_issuers(&self) -> Result<Vec<IssuerCount>, ManageError> {
        let mut counts = std::collections::BTreeMap::<(ProviderName, Issuer), u64>::new();
        let mut after = None;
        loop {
            let page = self.list(PAGE, after).await?;
            for user in &page.users {
                for identity in self.identities(user).await? {
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
    pub async fn relocate(&self, at: Located<'_>, to: Relocation<'_>) -> Result<Relocated, ManageError> {
        let mut relocated = Relocated::default();
        let mut after = None;
        loop {
            let page = self.list(PAGE, after).await?;
            for user in page.users.iter().filter(|user| user.identities.contains_key(at.provider)) {
                match self.relocate_one(user.id, at, to).await? {
                    Some(true) => relocated.changed += 1,
                    Some(false) => relocated.left.push(user.id),
                    None => {}
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(relocated),
            }
        }
    }

    /// Whether the identity of `id` was changed, or stays; none where it has no such identity.
    async fn relocate_one(
        &self,
        id: UserId,
        at: Located<'_>,
        to: Relocation<'_>,
    ) -> Result<Option<bool>, ManageError> {
        for _ in 0..MAX_TRIES {
            let Some(account) = self.open(id).await? else { return Ok(None) };
            let located =
                |identity: &&Identity| identity.provider == *at.provider && identity.issuer == *at.issuer;
            let Some(identity) = account.identities().find(located) else { return Ok(None) };
            let mut user = account.user.clone();
            let moved = match to {
                Relocation::Drop if !account.opens_without(at.provider) => return Ok(Some(false)),
                Relocation::Drop => {
                    user.identities.remove(at.provider);
                    None
                }
                Relocation::Move(issuer) => {
                    let hash = IdentityHash::of(issuer, &identity.subject);
                    if hash == identity.hash() {
                        return Ok(None);
                    }
                    // The account has it already, by another provider's name.
                    if account.identities().any(|other| other.hash() == hash) {
                        return Ok(Some(false));
                    }
                    user.identities.insert(at.provider.clone(), hash);
                    let moved = Identity {
                        user: user.clone(),
                        issuer: issuer.clone(),
                        grant: None,
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
            writes.push(self.relocation_event(&user, at, to)?);
            let committed = self.table.commit(&writes, self.clock.now()).await;
            // Without an answer it may have happened.
            self.sessions.memory().forget_user(id);
            match conflict(committed)? {
                None => return Ok(Some(true)),
                Some(0) if may_be_taken => return Ok(Some(false)),
                Some(_) => {}
            }
        }
        Err(AccountError::Busy("an account is being changed").into())
    }

    fn relocation_event(
        &self,
        user: &User,
        at: Located<'_>,
        to: Relocation<'_>,
    ) -> Result<Write, ManageError> {
        let action = match to {
            Relocation::Move(_) => Action::IdentityMoved,
            Relocation::Drop => Action::IdentityUnlinked,
        };
        let mut event = self.audit.event(action, Actor::Operator, &Requester::default())?;
        event.user_id = Some(user.id);
        event.resource = Some(format!("identity:{}", at.provider));
        event.details.insert("provider".to_owned(), at.provider.to_string());
        event.details.insert("issuer".to_owned(), at.issuer.to_string());
        if let Relocation::Move(issuer) = to {
            event.details.insert("to".to_owned(), issuer.to_string());
        }
        Ok(self.audit.write(&event)?)
    }
}

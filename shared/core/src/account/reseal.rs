//! Resealing of the sealed values of accounts with the current secret: password hashes and provider refresh tokens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::TokenVault;
use super::accounts::Accounts;
use crate::UserId;
use crate::fault::Fault;
use crate::model::identity::Identity;
use crate::model::{Credential, Login, User};
use crate::optimistic::{Commit, MAX_TRIES, retry};
use crate::password::ResealHashError;
use crate::port::StoreError;
use crate::port::table::{Item, Key, Write};
use crate::seal::ResealError;

/// Number of items that are read at a time, and written in one commit unless another request is writing them.
const CHUNK: usize = 50;

/// Sealed values of accounts, counted by their secret.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCount {
    /// Values sealed with the current secret.
    pub current: u64,
    /// Values that were sealed with an older secret or not sealed, such as the hash in the SQL of `latchkey d1 first-admin`.
    pub older: u64,
    /// Values that cannot be opened: their secret is not listed, or somebody changed them.
    pub unreadable: u64,
}

impl SealedCount {
    pub(crate) fn add(&mut self, other: Self) {
        self.current += other.current;
        self.older += other.older;
        self.unreadable += other.unreadable;
    }
}

/// Action for a value that is not sealed with the current secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reseal {
    /// Count it only.
    Count,
    /// Seal it with the current secret.
    Move,
}

/// Item that may hold a sealed value.
#[derive(Debug, Clone)]
enum SealedItem {
    Login(Key),
    Identity(Key),
}

impl SealedItem {
    fn key(&self) -> &Key {
        match self {
            Self::Login(key) | Self::Identity(key) => key,
        }
    }
}

/// State of one item.
enum Seal {
    /// It holds no sealed value.
    None,
    Current,
    /// It is sealed with an older secret; this write reseals it.
    Older(Write),
    Unreadable,
}

/// Sealed values of accounts, and their resealing with the current secret.
pub(crate) struct AccountSeals {
    accounts: Arc<Accounts>,
    vault: Arc<TokenVault>,
}

impl AccountSeals {
    /// Returns the service over these accounts.
    pub fn new(accounts: Arc<Accounts>, vault: Arc<TokenVault>) -> Self {
        Self { accounts, vault }
    }

    /// Counts the sealed values of the next `limit` accounts, and reseals them if `what` says so. Also returns the account
    /// after which to continue, if there may be more. An interruption leaves every value readable.
    pub async fn reseal_page(
        &self,
        after: Option<UserId>,
        limit: u32,
        what: Reseal,
    ) -> Result<(SealedCount, Option<UserId>), Fault> {
        let page = self.accounts.list(limit, after).await?;
        let mut count = SealedCount::default();
        let holders: Vec<_> = page.users.iter().flat_map(holders).collect();
        for chunk in holders.chunks(CHUNK) {
            count.add(self.reseal_chunk(chunk, what).await?);
        }
        Ok((count, page.next))
    }

    async fn reseal_chunk(&self, holders: &[SealedItem], what: Reseal) -> Result<SealedCount, Fault> {
        let now = self.accounts.now();
        let keys: Vec<_> = holders.iter().map(|holder| holder.key().clone()).collect();
        let mut count = SealedCount::default();
        let mut moves = Vec::new();
        for (holder, item) in holders.iter().zip(self.accounts.table.get(&keys, now).await?) {
            match self.seal_of(holder, item.as_ref())? {
                Seal::None => {}
                Seal::Current => count.current += 1,
                Seal::Unreadable => count.unreadable += 1,
                Seal::Older(write) => {
                    count.older += 1;
                    moves.push((holder, write));
                }
            }
        }
        if what == Reseal::Count || moves.is_empty() {
            return Ok(count);
        }
        let writes: Vec<_> = moves.iter().map(|(_, write)| write.clone()).collect();
        if let Commit::Conflict(()) = Commit::of(self.accounts.commit(&writes).await, ())? {
            // Another request is writing one of them: write each one separately.
            for (holder, _) in moves {
                self.reseal_one(holder).await?;
            }
        }
        Ok(count)
    }

    async fn reseal_one(&self, holder: &SealedItem) -> Result<(), Fault> {
        let busy = || Fault::Busy("an account is being changed");
        retry(MAX_TRIES, busy, || async {
            let item = self.accounts.item(holder.key().clone()).await?;
            let Seal::Older(write) = self.seal_of(holder, item.as_ref())? else {
                return Ok(Commit::Done(()));
            };
            Ok(Commit::of(self.accounts.commit(&[write]).await, ())?)
        })
        .await
    }

    fn seal_of(&self, holder: &SealedItem, item: Option<&Item>) -> Result<Seal, Fault> {
        let Some(item) = item else { return Ok(Seal::None) };
        let seal = match holder {
            SealedItem::Login(_) => self.seal_of_hash(item),
            SealedItem::Identity(_) => self.seal_of_refresh_token(item),
        };
        match seal {
            // One unreadable item must not prevent the others from getting the new secret.
            Err(Fault::Store(error @ StoreError::Corrupt { .. })) => {
                tracing::warn!(%error, "an item cannot be resealed");
                Ok(Seal::Unreadable)
            }
            seal => seal,
        }
    }

    fn seal_of_hash(&self, item: &Item) -> Result<Seal, Fault> {
        let login: Login = item.decode()?;
        let Some(credential) = &login.credential else { return Ok(Seal::None) };
        match credential.hash.reseal(login.user.id, &self.accounts.sealer, &*self.accounts.entropy) {
            Ok(None) => Ok(Seal::Current),
            Ok(Some(hash)) => {
                let credential = Some(Credential { hash, ..credential.clone() });
                replaced(item, &Login { credential, ..login })
            }
            Err(ResealHashError::Open(error)) => {
                tracing::warn!(user = %login.user.id, %error, "a password hash cannot be resealed");
                Ok(Seal::Unreadable)
            }
            Err(ResealHashError::Seal(error)) => Err(error.into()),
        }
    }

    fn seal_of_refresh_token(&self, item: &Item) -> Result<Seal, Fault> {
        let identity: Identity = item.decode()?;
        let Some(refresh_token) = &identity.refresh_token else { return Ok(Seal::None) };
        match self.vault.reseal(&identity, refresh_token) {
            Ok(None) => Ok(Seal::Current),
            Ok(refresh_token) => replaced(item, &Identity { refresh_token, ..identity }),
            Err(ResealError::Seal(error)) => Err(error.into()),
            Err(ResealError::Open(error)) => {
                let (user, provider) = (identity.user.id, &identity.provider);
                tracing::warn!(%user, %provider, %error, "a provider refresh token cannot be resealed");
                Ok(Seal::Unreadable)
            }
        }
    }
}

fn replaced<T: Serialize>(item: &Item, body: &T) -> Result<Seal, Fault> {
    Ok(Seal::Older(Write::replace(item.key.clone(), body, item.version)?))
}

fn holders(user: &User) -> impl Iterator<Item = SealedItem> {
    let identities = user.identity_keys().map(SealedItem::Identity);
    std::iter::once(SealedItem::Login(Login::key(&user.email))).chain(identities)
}

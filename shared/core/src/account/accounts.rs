use std::sync::Arc;

use crate::audit::AuditLog;
use crate::model::identity::Identity;
use crate::model::permission::{Policy, Versioned};
use crate::model::shards::partitions;
use crate::model::{Account, Login, Session, User};
use crate::permission::Roles;
use crate::port::table::{CommitError, Item, Key, List, Write};
use crate::port::{Clock, Entropy, StoreError, Table};
use crate::seal::Sealer;
use crate::session::{Live, Sessions};
use crate::shards::{self, Stretch};
use crate::{Email, Timestamp, UserId};

/// Maximum number of round trips for a page of users.
const LIST_TRIPS: usize = 8;

/// Account records in the store, with the ports and services that every account service needs.
pub(crate) struct Accounts {
    pub table: Arc<dyn Table>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub audit: AuditLog,
    pub sessions: Arc<Sessions>,
    pub roles: Roles,
    pub sealer: Arc<Sealer>,
}

/// Users in the order of sign-up, with a cursor to the next page.
#[derive(Debug)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// User after whom the next page starts, if there may be more.
    pub next: Option<UserId>,
}

impl Accounts {
    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads one item.
    pub async fn item(&self, key: Key) -> Result<Option<Item>, StoreError> {
        Ok(self.table.get(&[key], self.clock.now()).await?.pop().flatten())
    }

    /// Commits `writes` as of now.
    pub async fn commit(&self, writes: &[Write]) -> Result<(), CommitError> {
        self.table.commit(writes, self.clock.now()).await
    }

    /// Commits a change of `user`. Removes their sessions from memory whatever the response, because without one the commit may
    /// have happened.
    pub async fn commit_change(&self, user: UserId, writes: &[Write]) -> Result<(), CommitError> {
        let committed = self.commit(writes).await;
        self.sessions.memory().forget_user(user);
        committed
    }

    /// Returns the user with this identifier.
    pub async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.item(User::key(id)).await?.map(|item| item.decode()).transpose()
    }

    /// Returns the user with this e-mail address.
    pub async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let login = self.item(Login::key(email)).await?.map(|item| item.decode::<Login>()).transpose()?;
        Ok(login.map(|login| login.user))
    }

    /// Reads the user, their login and their identities, for a change of all of them.
    pub async fn open(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        let Some(user_item) = self.item(User::key(id)).await? else { return Ok(None) };
        let user: User = user_item.decode()?;
        let keys: Vec<_> = std::iter::once(Login::key(&user.email)).chain(user.identity_keys()).collect();
        let mut items = self.table.get(&keys, self.clock.now()).await?.into_iter();
        // Without a login the account was deleted between the two reads.
        let Some(Some(login_item)) = items.next() else { return Ok(None) };
        let identities: Vec<_> = items.flatten().collect();
        Account::decode(&user_item, &login_item, &identities).map(Some)
    }

    /// Returns the identities of `user`, ordered by provider name: one read.
    pub async fn identities(&self, user: &User) -> Result<Vec<Identity>, StoreError> {
        let keys: Vec<_> = user.identity_keys().collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.table.get(&keys, self.clock.now()).await?.into_iter().flatten();
        let identities: Vec<Identity> = items.map(|item| item.decode()).collect::<Result<_, _>>()?;
        // An identity may have been removed a moment ago, and belong to another user by now.
        Ok(identities.into_iter().filter(|identity| identity.user.id == user.id).collect())
    }

    /// Reads the caller's session as of now. Returns `None` if it has ended, or `user` is not its owner any more.
    pub async fn live_session(&self, caller: &Live, user: &User) -> Result<Option<Item>, StoreError> {
        let now = self.now();
        let keys = [Session::key(user.id, caller.session.id), Roles::key()];
        let mut items = self.table.get(&keys, now).await?.into_iter();
        let Some(item) = items.next().flatten() else { return Ok(None) };
        let policy = Versioned::<Policy>::read(items.next().flatten().as_ref())?.value;
        let session: Session = item.decode()?;
        let is_alive = session.lives(user, now) && !session.is_ended(policy.sessions_from());
        Ok(Some(item).filter(|_| is_alive))
    }

    /// Returns one page of all users, oldest first. May hold fewer than `limit` even if there is a `next`.
    pub async fn list(&self, limit: u32, after: Option<UserId>) -> Result<UserPage, StoreError> {
        let stretch = Stretch {
            // The first text after the identifier and before any longer one.
            from: after.map(|id| format!("{id} ")),
            until: None,
            descending: false,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            trips: LIST_TRIPS,
        };
        let lists = partitions(User::LIST).map(List::Index);
        let page = shards::merged(&*self.table, self.clock.now(), lists, &stretch, by_partition).await?;
        let users: Vec<User> = page.items.iter().map(Item::decode).collect::<Result<_, _>>()?;
        let next = users.last().map(|user| user.id).or(after).filter(|_| page.more);
        Ok(UserPage { users, next })
    }

    /// Removes the records of a deleted user's sessions, as far as possible.
    pub async fn purge_sessions(&self, id: UserId) {
        if let Err(error) = self.sessions.purge(id).await {
            // Sessions end with their user, and their records expire.
            tracing::warn!(%error, user = %id, "the records of a deleted user's sessions stay until they expire");
        }
    }
}

/// Returns the partition of a user. It contains the identifier that orders the list of users.
fn by_partition(item: &Item) -> &str {
    &item.key.partition
}

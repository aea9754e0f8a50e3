//! The rule that at least one administrator always exists.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::UserId;
use crate::model::permission::Versioned;
use crate::model::store::{Item, Key, StoreError, Write};

/// Maximum number of users with the role `admin`: far less than fits into the item.
pub const MAX_ADMINS: usize = 1000;

/// Active users with the role `admin`.
///
/// One item holds them all. A commit that creates, removes, disables or deletes an admin carries a write to this item. Two
/// admins who remove each other at the same time therefore conflict, and one of them stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    users: BTreeSet<UserId>,
}

/// Error: without this user no active admin would be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is the last active admin: give the role admin to somebody else first")]
pub struct LastAdmin;

/// Error: there are [`MAX_ADMINS`] already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_ADMINS} users are admins already: create a role with the permissions that this user needs")]
pub struct TooManyAdmins;

/// Reason that the item of the admins cannot be written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminsError {
    /// The last admin cannot be removed.
    #[error(transparent)]
    Last(#[from] LastAdmin),
    /// No further admin can be added.
    #[error(transparent)]
    TooMany(#[from] TooManyAdmins),
    /// The item cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Admins {
    /// Returns the key of the item.
    pub fn key() -> Key {
        Key::new("policy", "admins")
    }

    /// Returns the users, in order.
    pub fn users(&self) -> &BTreeSet<UserId> {
        &self.users
    }

    /// Returns the admins with `user` added.
    pub fn with(&self, user: UserId) -> Result<Self, TooManyAdmins> {
        let mut users = self.users.clone();
        if users.insert(user) && users.len() > MAX_ADMINS {
            return Err(TooManyAdmins);
        }
        Ok(Self { users })
    }

    /// Returns the admins without `user`. Refuses if nobody would be left, even if `user` was not an admin.
    pub fn without(&self, user: UserId) -> Result<Self, LastAdmin> {
        let mut users = self.users.clone();
        users.remove(&user);
        if users.is_empty() { Err(LastAdmin) } else { Ok(Self { users }) }
    }

    /// Returns the write for a commit that makes `user` an active admin: it grants the role, or enables a user with the role.
    /// `item` is the item read under [`key`](Self::key). If it has changed since, the commit conflicts.
    pub fn write_with(item: Option<&Item>, user: UserId) -> Result<Write, AdminsError> {
        let read = Versioned::<Self>::read(item)?;
        let admins = read.value.with(user)?;
        Ok(read.write(&admins)?)
    }

    /// Returns the write for a commit after which `user` is not an active admin: it removes the role, or disables or deletes
    /// the user. `item` is the item read under [`key`](Self::key). If it has changed since, the commit conflicts.
    pub fn write_without(item: Option<&Item>, user: UserId) -> Result<Write, AdminsError> {
        let read = Versioned::<Self>::read(item)?;
        let admins = read.value.without(user)?;
        Ok(read.write(&admins)?)
    }
}

impl Versioned<Admins> {
    fn write(&self, admins: &Admins) -> Result<Write, StoreError> {
        if *admins == self.value {
            return Ok(self.check(Admins::key()));
        }
        self.replace_with(Admins::key(), admins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::store::{Condition, Version};
    use crate::permission::fake::{FakeTable, now, run};
    use crate::port::Table;
    use crate::port::table::CommitError;

    fn user(n: u16) -> UserId {
        let [high, low] = n.to_be_bytes();
        UserId::from_bytes([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn admins(ids: &[u16]) -> Admins {
        Admins { users: ids.iter().map(|n| user(*n)).collect() }
    }

    fn item(admins: &Admins) -> Item {
        Item {
            key: Admins::key(),
            body: serde_json::to_string(admins).unwrap(),
            version: Version::first(Timestamp::from_millis(7)),
            expires_at: None,
        }
    }

    #[test]
    fn the_last_one_stays() {
        assert_eq!(admins(&[1, 2]).without(user(1)), Ok(admins(&[2])));
        assert_eq!(admins(&[2]).without(user(2)), Err(LastAdmin));
        assert_eq!(admins(&[2]).without(user(1)), Ok(admins(&[2])));
        assert_eq!(admins(&[]).without(user(1)), Err(LastAdmin));
    }

    #[test]
    fn the_most_admins_still_fit() {
        let almost = Admins { users: (0..999).map(user).collect() };
        let full = almost.with(user(999)).unwrap();
        assert_eq!(full.with(user(1000)), Err(TooManyAdmins));
        assert_eq!(full.with(user(999)), Ok(full.clone()));
        assert!(item(&full).body.len() < crate::port::table::MAX_BODY);
    }

    #[test]
    fn the_write_demands_what_was_read() {
        let read = item(&admins(&[1, 2]));
        let first = Admins::write_with(None, user(1)).unwrap();
        assert_eq!(first, Write::create(Admins::key(), &admins(&[1])).unwrap());
        let more = Admins::write_with(Some(&read), user(3)).unwrap();
        assert_eq!(more, Write::replace(Admins::key(), &admins(&[1, 2, 3]), read.version).unwrap());
        let fewer = Admins::write_without(Some(&read), user(1)).unwrap();
        assert_eq!(fewer, Write::replace(Admins::key(), &admins(&[2]), read.version).unwrap());
        let same = Write::Check { key: Admins::key(), condition: Condition::Unchanged(read.version) };
        assert_eq!(Admins::write_with(Some(&read), user(1)).unwrap(), same);
        assert_eq!(Admins::write_without(Some(&read), user(9)).unwrap(), same);
    }

    #[test]
    fn a_missing_or_unreadable_item_removes_nobody() {
        assert!(matches!(Admins::write_without(None, user(1)), Err(AdminsError::Last(_))));
        let broken = Item { body: "{}".to_owned(), ..item(&admins(&[1])) };
        assert!(matches!(Admins::write_without(Some(&broken), user(1)), Err(AdminsError::Store(_))));
    }

    #[test]
    fn two_admins_cannot_remove_each_other() {
        let table = FakeTable::default();
        let write = |write: Write| run(table.commit(&[write], now()));
        let read = || run(table.get(&[Admins::key()], now())).unwrap().remove(0);
        write(Admins::write_with(None, user(1)).unwrap()).unwrap();
        write(Admins::write_with(read().as_ref(), user(2)).unwrap()).unwrap();

        let seen_by_both = read();
        write(Admins::write_without(seen_by_both.as_ref(), user(2)).unwrap()).unwrap();
        let second = write(Admins::write_without(seen_by_both.as_ref(), user(1)).unwrap());
        assert!(matches!(second, Err(CommitError::Conflict { write: 0 })));
        assert!(matches!(Admins::write_without(read().as_ref(), user(1)), Err(AdminsError::Last(_))));
    }
}

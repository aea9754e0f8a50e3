use serde::{Deserialize, Serialize};

use super::{Lockout, User};
use crate::password::PasswordHash;
use crate::port::StoreError;
use crate::port::table::{Item, Key, Version, Write};
use crate::{Email, Timestamp, UserId};

/// The password of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its hash.
    pub hash: PasswordHash,
    /// When it was chosen.
    pub changed_at: Timestamp,
    /// Wrong passwords against it.
    #[serde(default)]
    pub lockout: Lockout,
}

/// All that a sign-in needs, under the e-mail address: the one strong read of a sign-in. Its copy of the user is written in the
/// same commit as the user itself, so the two never differ. Being there makes the address taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Whose address it is.
    pub user: User,
    /// How they prove it.
    pub credential: Option<Credential>,
}

impl Login {
    /// Where the login of `email` is.
    pub fn key(email: &Email) -> Key {
        Key::new(format!("email#{email}"), "login")
    }
}

impl User {
    /// The partition of everything that belongs to this user.
    pub fn partition(id: UserId) -> String {
        format!("user#{id}")
    }

    /// Where the user is.
    pub fn key(id: UserId) -> Key {
        Key::new(Self::partition(id), "user")
    }

    /// The index partition that lists all users by when they were made.
    pub const LIST: &'static str = "users";

    /// This user's place in the list of all users.
    pub(super) fn place(id: UserId) -> Key {
        Key::new(Self::LIST, id.to_string())
    }
}

/// A user and their login as they were read, for a change that writes both.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user.
    pub user: User,
    /// Their login.
    pub login: Login,
    user_version: Version,
    login_version: Version,
}

impl Account {
    /// From the two items.
    pub(super) fn decode(user: &Item, login: &Item) -> Result<Self, StoreError> {
        Ok(Self {
            user: user.decode()?,
            login: login.decode()?,
            user_version: user.version,
            login_version: login.version,
        })
    }

    /// The writes that replace both with `user`.
    pub(super) fn replace(&self, user: &User) -> Result<Vec<Write>, StoreError> {
        let login = Login { user: user.clone(), credential: self.login.credential.clone() };
        Ok(vec![
            Write::replace(User::key(user.id), user, self.user_version)?.indexed(User::place(user.id)),
            Write::replace(Login::key(&user.email), &login, self.login_version)?,
        ])
    }

    /// The writes that remove both.
    pub(super) fn delete(&self) -> Vec<Write> {
        vec![
            Write::Delete { key: User::key(self.user.id), condition: Some(self.user_version) },
            Write::Delete { key: Login::key(&self.user.email), condition: Some(self.login_version) },
        ]
    }
}

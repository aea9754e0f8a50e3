use serde::{Deserialize, Serialize};

use crate::model::identity::{Identity, ProviderName, Sole};
use crate::model::store::{Item, Key, StoreError, Version, Write};
use crate::model::{Email, Lockout, StoredHash, Timestamp, User};

/// Password of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Hash of the password.
    pub hash: StoredHash,
    /// Time at which it was chosen.
    pub changed_at: Timestamp,
    /// Count of wrong passwords, and the lock.
    #[serde(default)]
    pub lockout: Lockout,
}

/// Data that a password sign-in needs, stored under the e-mail address: the only strongly consistent read of a sign-in. Its copy
/// of the user is written in the same commit as the user itself, so the two never differ. An existing item makes the address
/// taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Owner of the address.
    pub user: User,
    /// Password; `None` if the user signs in with providers only.
    pub credential: Option<Credential>,
}

impl Login {
    /// Returns the key of the login of `email`.
    pub fn key(email: &Email) -> Key {
        Key::new(format!("email#{email}"), "login")
    }
}

/// A user, their login and their identities as they were read, for a change that writes all of them.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user.
    pub user: User,
    /// Their login.
    pub login: Login,
    pub(crate) identities: Vec<(Identity, Version)>,
    user_version: Version,
    login_version: Version,
}

impl Account {
    /// Decodes the items. If an identity is missing, it was removed after the user was read, and no write of this account can
    /// succeed.
    pub(crate) fn decode<'a>(
        user: &Item,
        login: &Item,
        identities: impl IntoIterator<Item = &'a Item>,
    ) -> Result<Self, StoreError> {
        let identity = |item: &Item| Ok((item.decode()?, item.version));
        Ok(Self {
            user: user.decode()?,
            login: login.decode()?,
            identities: identities.into_iter().map(identity).collect::<Result<_, StoreError>>()?,
            user_version: user.version,
            login_version: login.version,
        })
    }

    /// Returns the account of an identity that is the only way to sign in. The identity holds a copy of the user and the versions
    /// of the other items.
    pub(crate) fn of_sole(identity: Identity, version: Version) -> Option<Self> {
        let (user_version, login_version) = identity.sole?.versions();
        let user = identity.user.clone();
        let login = Login { user: user.clone(), credential: None };
        Some(Self { user, login, identities: vec![(identity, version)], user_version, login_version })
    }

    /// Returns its identities.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.identities.iter().map(|(identity, _)| identity)
    }

    /// Returns true if there is another way to sign in than the identity at `provider`.
    pub(crate) fn opens_without(&self, provider: &ProviderName) -> bool {
        self.login.credential.is_some() || self.user.identities.keys().any(|other| other != provider)
    }

    /// Returns the write that replaces only the login, which has no copy elsewhere.
    pub(crate) fn replace_login(&self, login: &Login) -> Result<Write, StoreError> {
        Write::replace(Login::key(&login.user.email), login, self.login_version)
    }

    /// Returns the writes that replace all items with `user` and remove the identities that `user` no longer has.
    pub(crate) fn replace(&self, user: &User) -> Result<Vec<Write>, StoreError> {
        let login = Login { user: user.clone(), credential: self.login.credential.clone() };
        let mut writes = vec![
            Write::replace(User::key(user.id), user, self.user_version)?.indexed(User::index_key(user.id)),
            Write::replace(Login::key(&user.email), &login, self.login_version)?,
        ];
        let sole = self.sole_after(user);
        for (identity, version) in &self.identities {
            let key = Identity::key(&identity.hash());
            writes.push(if user.identities.get(&identity.provider) == Some(&identity.hash()) {
                Write::replace(key, &Identity { user: user.clone(), sole, ..identity.clone() }, *version)?
            } else {
                Write::Delete { key, condition: Some(*version) }
            });
        }
        Ok(writes)
    }

    /// Returns the versions that an identity of `user` stores once [`replace`](Self::replace) has written them. Present while
    /// the identity is the only way to sign in.
    pub(crate) fn sole_after(&self, user: &User) -> Option<Sole> {
        let is_sole = user.identities.len() == 1 && self.login.credential.is_none();
        is_sole.then(|| Sole::new(self.user_version.next(), self.login_version.next()))
    }

    /// Returns the write that gives the address to another account: `login` replaces the login of this account. Also returns
    /// the version that the login then has.
    pub(crate) fn give_address(&self, login: &Login) -> Result<(Write, Version), StoreError> {
        let write = Write::replace(Login::key(&self.user.email), login, self.login_version)?;
        Ok((write, self.login_version.next()))
    }

    /// Returns the writes that remove all items and free the handle.
    pub(crate) fn delete(&self) -> Vec<Write> {
        let login = Write::Delete { key: Login::key(&self.user.email), condition: Some(self.login_version) };
        let mut writes = self.delete_all_but_login();
        writes.push(login);
        writes
    }

    /// Returns the writes that remove the user and the identities and free the handle.
    pub(crate) fn delete_all_but_login(&self) -> Vec<Write> {
        let mut writes =
            vec![Write::Delete { key: User::key(self.user.id), condition: Some(self.user_version) }];
        writes.extend(self.identities.iter().map(|(identity, version)| Write::Delete {
            key: Identity::key(&identity.hash()),
            condition: Some(*version),
        }));
        // Nobody else can hold the handle while this user does.
        writes.extend(self.user.handle.iter().map(|h| Write::Delete { key: h.key(), condition: None }));
        writes
    }
}

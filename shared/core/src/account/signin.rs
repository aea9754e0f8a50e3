use std::time::Duration;

use super::accounts::{MAX_TRIES, conflict};
use super::{AccountError, Accounts, Credential, Lockout, Login};
use crate::Email;
use crate::audit::{Action, Actor, Requester};
use crate::password::{self, Password, StoredHash};
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::{Opening, SignedIn};

/// What a sign-in brings.
#[derive(Debug)]
pub struct SignIn {
    /// Whose account.
    pub email: Email,
    /// The proof.
    pub password: Password,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address has no account, or the password is not its: the caller cannot tell which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, and the account is locked after too many wrong ones.
    #[error("the account is locked after too many wrong passwords")]
    Locked {
        /// Until the lock ends.
        retry_after: Duration,
    },
    /// The password is right, and the account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// It could not be carried out.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for SignInError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

/// A login as it was read.
struct Read {
    login: Login,
    item: Item,
}

impl Accounts {
    /// Checks a password and begins a session: one read and one commit.
    ///
    /// Every outcome is decided against the login as it stands at the commit: the commit carries its version as a condition, and
    /// when another attempt came first the login is read again. So guesses made at once count one by one, and a right password
    /// that arrives with the fifth wrong one is either before the lock or after it.
    pub async fn sign_in(&self, request: SignIn, opening: &Opening<'_>) -> Result<SignedIn, SignInError> {
        let from = opening.from;
        let mut read = self.read_login(&request.email).await?;
        let mut matched = self.verify(&request.password, read.as_ref()).await?;
        for _ in 0..MAX_TRIES {
            let decided = match (&read, matched) {
                (Some(read), true) => self.accept(read, &request.password, opening).await?,
                (Some(read), false) => self.reject(read, from).await?,
                (None, _) => {
                    self.append(Action::SigninFailed, None, from).await?;
                    Some(Err(SignInError::InvalidCredentials))
                }
            };
            if let Some(outcome) = decided {
                if matches!(outcome, Err(SignInError::InvalidCredentials)) {
                    // For whoever counts log lines; the audit log says more.
                    tracing::info!(audit = Action::SigninFailed.as_str(), "a sign-in failed");
                }
                return outcome;
            }
            let newer = self.read_login(&request.email).await?;
            if hash_of(newer.as_ref()) != hash_of(read.as_ref()) {
                matched = self.verify(&request.password, newer.as_ref()).await?;
            }
            read = newer;
        }
        Err(AccountError::Busy("this account is being signed in to").into())
    }

    async fn read_login(&self, email: &Email) -> Result<Option<Read>, StoreError> {
        let item = self.table.get(&[Login::key(email)], self.clock.now()).await?.pop().flatten();
        item.map(|item| Ok(Read { login: item.decode()?, item })).transpose()
    }

    async fn verify(&self, password: &Password, read: Option<&Read>) -> Result<bool, AccountError> {
        let hash = read
            .and_then(|read| Some((read.login.credential.as_ref()?, read.login.user.id)))
            .map(|(credential, owner)| credential.hash.open(owner, &self.sealer))
            .transpose()?;
        Ok(password::verify(password, hash.as_ref(), &self.strength, &*self.hasher).await?)
    }

    /// The password is right. None when another attempt came first.
    async fn accept(
        &self,
        read: &Read,
        password: &Password,
        opening: &Opening<'_>,
    ) -> Result<Option<Result<SignedIn, SignInError>>, SignInError> {
        let (now, from) = (self.clock.now(), opening.from);
        let user = &read.login.user;
        let Some(credential) = &read.login.credential else {
            return Ok(Some(Err(SignInError::InvalidCredentials)));
        };
        if let Some(retry_after) = credential.lockout.remaining(now) {
            self.append(Action::SigninRefused, Some(&read.login), from).await?;
            return Ok(Some(Err(SignInError::Locked { retry_after })));
        }
        if !user.is_active() {
            self.append(Action::SigninRefused, Some(&read.login), from).await?;
            return Ok(Some(Err(SignInError::Disabled)));
        }
        let started = self.sessions.start(user, opening).map_err(AccountError::from)?;
        let event = self.signin_event(Action::SigninSucceeded, Some(&read.login), from)?;
        let mut writes = vec![self.refreshed_login(read, credential, password).await?, event];
        writes.extend(started.writes()?);
        match conflict(self.table.commit(&writes, now).await)? {
            None => {
                let signed_in =
                    self.sessions.signed_in(user.clone(), started).await.map_err(AccountError::from)?;
                Ok(Some(Ok(signed_in)))
            }
            Some(_) => Ok(None),
        }
    }

    /// The login after a right password: failures forgotten, the hash made anew where the configured parameters protect better,
    /// and sealed under the current secret. When none of this applies it is only checked to be unchanged.
    async fn refreshed_login(
        &self,
        read: &Read,
        credential: &Credential,
        password: &Password,
    ) -> Result<Write, SignInError> {
        let key = read.item.key.clone();
        let owner = read.login.user.id;
        let hash = credential.hash.open(owner, &self.sealer).map_err(AccountError::from)?;
        let outdated = hash.is_outdated(&self.strength);
        if credential.lockout.is_clear() && !outdated && credential.hash.is_current(&self.sealer) {
            return Ok(Write::Check { key, condition: Condition::Unchanged(read.item.version) });
        }
        let mut login = read.login.clone();
        let mut renewed = Credential { lockout: Lockout::default(), ..credential.clone() };
        if outdated {
            renewed.hash = self.hash(password, owner).await?;
        } else if !credential.hash.is_current(&self.sealer) {
            renewed.hash =
                StoredHash::seal(&hash, owner, &self.sealer, &*self.entropy).map_err(AccountError::from)?;
        }
        login.credential = Some(renewed);
        Ok(Write::replace(key, &login, read.item.version)?)
    }

    /// The password is wrong. None when another attempt came first.
    async fn reject(
        &self,
        read: &Read,
        from: &Requester,
    ) -> Result<Option<Result<SignedIn, SignInError>>, SignInError> {
        let now = self.clock.now();
        let invalid = Some(Err(SignInError::InvalidCredentials));
        let counted = read.login.credential.as_ref().filter(|c| c.lockout.remaining(now).is_none());
        let Some(credential) = counted else {
            self.append(Action::SigninFailed, Some(&read.login), from).await?;
            return Ok(invalid);
        };
        let lockout = credential.lockout.fail(now);
        let action = match lockout.remaining(now) {
            Some(_) => Action::SigninLocked,
            None => Action::SigninFailed,
        };
        let mut login = read.login.clone();
        login.credential = Some(Credential { lockout, ..credential.clone() });
        let writes = [
            Write::replace(read.item.key.clone(), &login, read.item.version)?,
            self.signin_event(action, Some(&read.login), from)?,
        ];
        Ok(conflict(self.table.commit(&writes, now).await)?.map_or(invalid, |_| None))
    }

    async fn append(
        &self,
        action: Action,
        login: Option<&Login>,
        from: &Requester,
    ) -> Result<(), SignInError> {
        let write = self.signin_event(action, login, from)?;
        conflict(self.table.commit(&[write], self.clock.now()).await)?;
        Ok(())
    }

    fn signin_event(
        &self,
        action: Action,
        login: Option<&Login>,
        from: &Requester,
    ) -> Result<Write, AccountError> {
        let user_id = login.map(|login| login.user.id);
        let actor = match (action, user_id) {
            (Action::SigninSucceeded, Some(id)) => Actor::User(id),
            _ => Actor::Anonymous,
        };
        let mut event = self.audit.event(action, actor, from)?;
        event.user_id = user_id;
        Ok(self.audit.write(&event)?)
    }
}

fn hash_of(read: Option<&Read>) -> Option<&StoredHash> {
    read.and_then(|read| read.login.credential.as_ref()).map(|credential| &credential.hash)
}

use super::accounts::conflict;
use super::lockout::{Guess, Shut};
use super::{AccountError, Accounts, Credential, Device, Login};
use crate::audit::{Action, Actor, Requester};
use crate::password::{self, Password, StoredHash};
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::{Opening, SignedIn};
use crate::{Email, UserId};

/// How often an attempt is judged again when the login changed meanwhile. Each change is a wrong password that was counted, or
/// one that an owner or an operator made; a row of them ends in a lock long before.
const MAX_TRIES: usize = 32;

/// What a sign-in brings.
#[derive(Debug)]
pub struct SignIn {
    /// Whose account.
    pub email: Email,
    /// The proof.
    pub password: Password,
    /// The browser, if it signed in to this address before.
    pub device: Option<Device>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address has no account, the password is not its, or no password is tried now: the caller cannot tell which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
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

/// An attempt as it is judged by the login that was read, before the password is looked at.
enum Attempt {
    /// The password may be tried.
    Open(Box<Open>),
    /// No password is tried, and the outcome is the same for each.
    Closed(Box<Closed>),
}

struct Closed {
    /// The login must still be as it was read.
    check: Write,
    user: Option<UserId>,
    /// The account's own hash, where there is one: the work is the same as if the password were tried.
    work: Option<StoredHash>,
    why: Reason,
}

struct Open {
    login: Login,
    credential: Credential,
    item: Item,
    /// The device, if it signed in to this account before.
    device: Option<Device>,
    guess: Guess,
}

/// Why no password is tried.
#[derive(Debug, Clone, Copy)]
enum Reason {
    /// The address has no account.
    UnknownAddress,
    /// The account has no password.
    NoPassword,
    /// Too many wrong passwords came.
    Shut(Shut),
}

impl Attempt {
    fn closed(check: Write, user: Option<UserId>, work: Option<StoredHash>, why: Reason) -> Self {
        Self::Closed(Box::new(Closed { check, user, work, why }))
    }

    /// The hash that the password is compared with; none where no password is tried.
    fn hash(&self) -> Option<&StoredHash> {
        match self {
            Self::Open(open) => Some(&open.credential.hash),
            Self::Closed(_) => None,
        }
    }
}

impl Open {
    fn is_unchanged(&self) -> Write {
        Write::Check { key: self.item.key.clone(), condition: Condition::Unchanged(self.item.version) }
    }

    fn with(&self, credential: Credential) -> Result<Write, StoreError> {
        let login = Login { credential: Some(credential), ..self.login.clone() };
        Write::replace(self.item.key.clone(), &login, self.item.version)
    }
}

/// What is decided, once the store takes it.
type Outcome = Result<SignedIn, SignInError>;

impl Accounts {
    /// Checks a password and begins a session: one read and one commit.
    ///
    /// The login as it was read says whether the password may be tried at all; where it may not, the work is the same. Every
    /// outcome is decided against the login as it stands at the commit: each commit carries its version as a condition, and when
    /// another attempt came first the login is read and the attempt judged again. So guesses made at once count one by one, a
    /// right password beyond the bound is refused like any other, and one that arrives with the last wrong one is either
    /// before the lock or after it.
    pub async fn sign_in(&self, request: SignIn, opening: &Opening<'_>) -> Outcome {
        let mut attempt = self.attempt(&request).await?;
        let mut matched = self.verify(&request.password, &attempt).await?;
        for _ in 0..MAX_TRIES {
            let decided = match &attempt {
                Attempt::Closed(closed) => self.turn_away(closed, opening.from).await?,
                Attempt::Open(open) if matched => self.accept(open, &request.password, opening).await?,
                Attempt::Open(open) => self.reject(open, opening.from).await?,
            };
            if let Some(outcome) = decided {
                if matches!(outcome, Err(SignInError::InvalidCredentials)) {
                    // For whoever counts log lines; the audit log says more.
                    tracing::info!(audit = Action::SigninFailed.as_str(), "a sign-in failed");
                }
                return outcome;
            }
            let newer = self.attempt(&request).await?;
            if newer.hash().is_some() && newer.hash() != attempt.hash() {
                matched = self.verify(&request.password, &newer).await?;
            }
            attempt = newer;
        }
        Err(AccountError::Busy("this account is being signed in to").into())
    }

    /// Reads the login and judges the attempt by it.
    async fn attempt(&self, request: &SignIn) -> Result<Attempt, StoreError> {
        let (key, now) = (Login::key(&request.email), self.clock.now());
        let Some(item) = self.table.get(std::slice::from_ref(&key), now).await?.pop().flatten() else {
            let check = Write::Check { key, condition: Condition::Absent };
            return Ok(Attempt::closed(check, None, None, Reason::UnknownAddress));
        };
        let login: Login = item.decode()?;
        let user = Some(login.user.id);
        let check = Write::Check { key, condition: Condition::Unchanged(item.version) };
        let Some(credential) = login.credential.clone() else {
            return Ok(Attempt::closed(check, user, None, Reason::NoPassword));
        };
        let device = request.device.filter(|device| device.is_of(&login.user));
        match credential.lockout.admit(device.as_ref(), now) {
            Ok(guess) => Ok(Attempt::Open(Box::new(Open { login, credential, item, device, guess }))),
            Err(shut) => Ok(Attempt::closed(check, user, Some(credential.hash), Reason::Shut(shut))),
        }
    }

    async fn verify(&self, password: &Password, attempt: &Attempt) -> Result<bool, AccountError> {
        let hash = match attempt {
            Attempt::Open(open) => Some(open.credential.hash.open(open.login.user.id, &self.sealer)?),
            Attempt::Closed(closed) => match (&closed.work, closed.user) {
                (Some(stored), Some(owner)) => Some(stored.open(owner, &self.sealer)?.decoy()),
                _ => None,
            },
        };
        Ok(password::verify(password, hash.as_ref(), &self.strength, &*self.hasher).await?)
    }

    /// No password is tried. None when the login changed meanwhile.
    async fn turn_away(&self, closed: &Closed, from: &Requester) -> Result<Option<Outcome>, SignInError> {
        let user = closed.user;
        let event = match closed.why {
            Reason::UnknownAddress | Reason::NoPassword => {
                self.signin_event(Action::SigninFailed, user, from, &[])?
            }
            Reason::Shut(shut) => {
                self.signin_event(Action::SigninRefused, user, from, &[("reason", shut.name())])?
            }
        };
        self.commit_attempt(&[closed.check.clone(), event], Err(SignInError::InvalidCredentials)).await
    }

    /// The password is right. None when the login changed meanwhile.
    async fn accept(
        &self,
        open: &Open,
        password: &Password,
        opening: &Opening<'_>,
    ) -> Result<Option<Outcome>, SignInError> {
        let (user, from) = (&open.login.user, opening.from);
        if !user.is_active() {
            let reason = [("reason", "account_disabled")];
            let event = self.signin_event(Action::SigninRefused, Some(user.id), from, &reason)?;
            return self.commit_attempt(&[open.is_unchanged(), event], Err(SignInError::Disabled)).await;
        }
        let signer = self.sessions.signer().await.map_err(AccountError::from)?;
        let started = self.sessions.start(user, opening, &signer).map_err(AccountError::from)?;
        let event = self.signin_event(Action::SigninSucceeded, Some(user.id), from, &device_detail(open))?;
        let mut writes = vec![self.refreshed_login(open, password).await?, event];
        writes.extend(started.writes()?);
        match conflict(self.table.commit(&writes, self.clock.now()).await)? {
            None => Ok(Some(Ok(self.sessions.signed_in(user.clone(), started).await))),
            Some(_) => Ok(None),
        }
    }

    /// The login after a right password: failures forgotten, the hash made anew where the configured parameters protect better,
    /// and sealed under the current secret. When none of this applies it is only checked to be unchanged.
    async fn refreshed_login(&self, open: &Open, password: &Password) -> Result<Write, SignInError> {
        let (credential, owner) = (&open.credential, open.login.user.id);
        let hash = credential.hash.open(owner, &self.sealer).map_err(AccountError::from)?;
        let (outdated, current) =
            (hash.is_outdated(&self.strength), credential.hash.is_current(&self.sealer));
        let lockout = credential.lockout.succeed(open.device.as_ref(), self.clock.now());
        if lockout == credential.lockout && !outdated && current {
            return Ok(open.is_unchanged());
        }
        let mut renewed = Credential { lockout, ..credential.clone() };
        if outdated {
            match self.hash(password, owner).await {
                Ok(hash) => renewed.hash = hash,
                Err(AccountError::Busy(_)) => {
                    tracing::info!(
                        "a password keeps its older hash until the next sign-in: too many are being hashed"
                    );
                }
                Err(error) => return Err(error.into()),
            }
        } else if !current {
            renewed.hash =
                StoredHash::seal(&hash, owner, &self.sealer, &*self.entropy).map_err(AccountError::from)?;
        }
        Ok(open.with(renewed)?)
    }

    /// The password is wrong. None when the login changed meanwhile.
    async fn reject(&self, open: &Open, from: &Requester) -> Result<Option<Outcome>, SignInError> {
        let (lockout, led_to) = open.credential.lockout.fail(open.guess, self.clock.now());
        let action = match led_to {
            None => Action::SigninFailed,
            Some(Shut::Locked) => Action::SigninLocked,
            Some(Shut::Stopped) => Action::SigninStopped,
        };
        let login = open.with(Credential { lockout, ..open.credential.clone() })?;
        let event = self.signin_event(action, Some(open.login.user.id), from, &device_detail(open))?;
        self.commit_attempt(&[login, event], Err(SignInError::InvalidCredentials)).await
    }

    /// Writes what an attempt comes to. None when the login changed meanwhile.
    async fn commit_attempt(
        &self,
        writes: &[Write],
        outcome: Outcome,
    ) -> Result<Option<Outcome>, SignInError> {
        let conflict = conflict(self.table.commit(writes, self.clock.now()).await)?;
        Ok(conflict.is_none().then_some(outcome))
    }

    fn signin_event(
        &self,
        action: Action,
        user_id: Option<UserId>,
        from: &Requester,
        details: &[(&str, &str)],
    ) -> Result<Write, AccountError> {
        let actor = match (action, user_id) {
            (Action::SigninSucceeded, Some(id)) => Actor::User(id),
            _ => Actor::Anonymous,
        };
        let mut event = self.audit.event(action, actor, from)?;
        event.user_id = user_id;
        event.details.extend(details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(self.audit.write(&event)?)
    }
}

/// Says in the audit log that the attempt came from a device that signed in to the account before.
fn device_detail(open: &Open) -> Vec<(&'static str, &'static str)> {
    if open.guess.is_from_device() { vec![("device", "known")] } else { Vec::new() }
}

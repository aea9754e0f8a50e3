use std::sync::Arc;

use super::accounts::Accounts;
use super::passwords::Passwords;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::{Credential, Device, Guess, Login, Shut, StoredHash};
use crate::optimistic::{Commit, retry_from};
use crate::password::Password;
use crate::port::StoreError;
use crate::port::table::{Condition, Item, Write};
use crate::session::{NewSession, Opening};
use crate::{Email, UserId};

/// Maximum number of evaluations of an attempt if the login changes meanwhile. Each change is a counted wrong password, or a
/// change by an owner or an operator. A long series of wrong passwords ends in a lock before this limit.
pub(super) const MAX_TRIES: usize = 32;

/// Target of the log lines of a sign-in. The filter of `template.yaml` uses this name.
const LOG_TARGET: &str = "latchkey_core::account::signin";

/// Request to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// Address of the account.
    pub email: Email,
    /// Password.
    pub password: Password,
    /// Browser, if it signed in to this address before.
    pub device: Option<Device>,
}

/// Reason that a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The address has no account, the password is wrong, or no password is tried now. The caller cannot tell these apart.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right, but the account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(SignInError);

/// Sign-in with e-mail address and password.
pub struct PasswordSignIn {
    accounts: Arc<Accounts>,
    passwords: Arc<Passwords>,
}

/// Attempt, as evaluated by the login before anything looks at the password.
enum Attempt {
    /// The password may be tried.
    Open(Box<Open>),
    /// No password is tried, and every password gives the same result.
    Closed(Box<Closed>),
}

struct Closed {
    /// Condition: the login must still be as it was read.
    check: Write,
    user: Option<UserId>,
    /// Hash of the account, if there is one, so that the work is the same as if the password were tried.
    work: Option<StoredHash>,
    why: Reason,
}

struct Open {
    login: Login,
    credential: Credential,
    item: Item,
    /// Device, if it signed in to this account before.
    device: Option<Device>,
    guess: Guess,
}

/// Reason that no password is tried.
#[derive(Debug, Clone, Copy)]
enum Reason {
    /// The address has no account.
    UnknownAddress,
    /// The account has no password.
    NoPassword,
    /// There were too many wrong passwords.
    Shut(Shut),
}

impl Attempt {
    fn closed(check: Write, user: Option<UserId>, work: Option<StoredHash>, why: Reason) -> Self {
        Self::Closed(Box::new(Closed { check, user, work, why }))
    }

    /// Returns the hash to compare the password with; `None` if no password is tried.
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

impl PasswordSignIn {
    /// Returns the service over these accounts.
    pub(crate) fn new(accounts: Arc<Accounts>, passwords: Arc<Passwords>) -> Self {
        Self { accounts, passwords }
    }

    /// Checks a password and starts a session: one read and one commit.
    ///
    /// The login as it was read decides if the password may be tried. If not, the work is the same. Every result is valid for
    /// the login at the time of the commit: each commit carries the version of the login as a condition, and if another attempt
    /// was faster, the login is read again and the attempt evaluated again. Parallel guesses therefore count one by one. A
    /// right password beyond the limit is refused like any other. A right password that arrives together with the last wrong
    /// one is either before the lock or after it.
    pub async fn sign_in(&self, request: SignIn, opening: &Opening<'_>) -> Result<NewSession, SignInError> {
        let request = &request;
        let busy = || SignInError::from(Fault::Busy("this account is being signed in to"));
        let result = retry_from(None, MAX_TRIES, busy, |judged| async move {
            let (attempt, is_right) = self.judge(request, judged).await?;
            let commit = match &attempt {
                Attempt::Closed(closed) => self.turn_away(closed, opening.from).await?,
                Attempt::Open(open) if is_right => self.accept(open, &request.password, opening).await?,
                Attempt::Open(open) => self.reject(open, opening.from).await?,
            };
            Ok(match commit {
                Commit::Done(signed_in) => Commit::Done(signed_in),
                Commit::Conflict(()) => Commit::Conflict(Some((attempt, is_right))),
            })
        })
        .await;
        if matches!(result, Err(SignInError::InvalidCredentials)) {
            log_failed();
        }
        result
    }

    /// Reads the login and checks the password. Compares it again only if the hash differs from that in `before`.
    async fn judge(
        &self,
        request: &SignIn,
        before: Option<(Attempt, bool)>,
    ) -> Result<(Attempt, bool), SignInError> {
        let attempt = self.attempt(request).await?;
        let is_right = match before {
            Some((before, is_right)) if attempt.hash().is_none_or(|hash| Some(hash) == before.hash()) => {
                is_right
            }
            _ => self.verify(&request.password, &attempt).await?,
        };
        Ok((attempt, is_right))
    }

    /// Reads the login and evaluates the attempt.
    async fn attempt(&self, request: &SignIn) -> Result<Attempt, StoreError> {
        let (key, now) = (Login::key(&request.email), self.accounts.now());
        let Some(item) = self.accounts.item(key.clone()).await? else {
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

    async fn verify(&self, password: &Password, attempt: &Attempt) -> Result<bool, Fault> {
        let hash = match attempt {
            Attempt::Open(open) => Some(self.passwords.open(&open.credential.hash, open.login.user.id)?),
            Attempt::Closed(closed) => match (&closed.work, closed.user) {
                (Some(stored), Some(owner)) => Some(self.passwords.open(stored, owner)?.decoy()),
                _ => None,
            },
        };
        self.passwords.verify(password, hash.as_ref()).await
    }

    /// Records that no password is tried.
    async fn turn_away(&self, closed: &Closed, from: &Requester) -> Result<Commit<NewSession>, SignInError> {
        let user = closed.user;
        let event = match closed.why {
            Reason::UnknownAddress | Reason::NoPassword => {
                self.event(Action::SigninFailed, user, from, &[])?
            }
            Reason::Shut(shut) => {
                self.event(Action::SigninRefused, user, from, &[("reason", shut.name())])?
            }
        };
        self.refuse(&[closed.check.clone(), event], SignInError::InvalidCredentials).await
    }

    /// Starts the session after a right password.
    async fn accept(
        &self,
        open: &Open,
        password: &Password,
        opening: &Opening<'_>,
    ) -> Result<Commit<NewSession>, SignInError> {
        let (user, from) = (&open.login.user, opening.from);
        if !user.is_active() {
            let reason = [("reason", "account_disabled")];
            let event = self.event(Action::SigninRefused, Some(user.id), from, &reason)?;
            return self.refuse(&[open.is_unchanged(), event], SignInError::Disabled).await;
        }
        let sessions = &self.accounts.sessions;
        let signer = sessions.signer().await?;
        let started = sessions.start(user, opening, &signer)?;
        let event = self.event(Action::SigninSucceeded, Some(user.id), from, &device_detail(open))?;
        let mut writes = vec![self.refreshed_login(open, password).await?, event];
        writes.extend(started.writes()?);
        Ok(match Commit::of(self.accounts.commit(&writes).await, started)? {
            Commit::Done(started) => Commit::Done(sessions.signed_in(user.clone(), started).await),
            Commit::Conflict(()) => Commit::Conflict(()),
        })
    }

    /// Returns the write of the login after a right password. It resets the failures, makes a new hash if the configured
    /// parameters protect better, and seals the hash with the current secret. If none of this applies, it only checks that the
    /// login is unchanged.
    async fn refreshed_login(&self, open: &Open, password: &Password) -> Result<Write, SignInError> {
        let (credential, owner) = (&open.credential, open.login.user.id);
        let hash = self.passwords.open(&credential.hash, owner)?;
        let (outdated, current) =
            (self.passwords.is_outdated(&hash), self.passwords.is_current(&credential.hash));
        let lockout = credential.lockout.succeed(open.device.as_ref(), self.accounts.now());
        if lockout == credential.lockout && !outdated && current {
            return Ok(open.is_unchanged());
        }
        let mut renewed = Credential { lockout, ..credential.clone() };
        if outdated {
            match self.passwords.hash(password, owner).await {
                Ok(hash) => renewed.hash = hash,
                Err(Fault::Busy(_)) => {
                    tracing::info!(
                        target: LOG_TARGET,
                        "a password keeps its older hash until the next sign-in: too many are being hashed"
                    );
                }
                Err(error) => return Err(error.into()),
            }
        } else if !current {
            renewed.hash = self.passwords.seal(&hash, owner)?;
        }
        Ok(open.with(renewed)?)
    }

    /// Counts a wrong password.
    async fn reject(&self, open: &Open, from: &Requester) -> Result<Commit<NewSession>, SignInError> {
        let (lockout, led_to) = open.credential.lockout.fail(open.guess, self.accounts.now());
        let action = match led_to {
            None => Action::SigninFailed,
            Some(Shut::Locked) => Action::SigninLocked,
            Some(Shut::Stopped) => Action::SigninStopped,
        };
        let login = open.with(Credential { lockout, ..open.credential.clone() })?;
        let event = self.event(action, Some(open.login.user.id), from, &device_detail(open))?;
        self.refuse(&[login, event], SignInError::InvalidCredentials).await
    }

    /// Commits a refusal, which is final unless the login changed meanwhile.
    async fn refuse(
        &self,
        writes: &[Write],
        refusal: SignInError,
    ) -> Result<Commit<NewSession>, SignInError> {
        match Commit::of(self.accounts.commit(writes).await, ())? {
            Commit::Done(()) => Err(refusal),
            Commit::Conflict(()) => Ok(Commit::Conflict(())),
        }
    }

    fn event(
        &self,
        action: Action,
        user_id: Option<UserId>,
        from: &Requester,
        details: &[(&str, &str)],
    ) -> Result<Write, Fault> {
        let actor = match (action, user_id) {
            (Action::SigninSucceeded, Some(id)) => Actor::User(id),
            _ => Actor::Anonymous,
        };
        let mut event = self.accounts.audit.event(action, actor, from)?;
        event.user_id = user_id;
        event.details.extend(details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(self.accounts.audit.write(&event)?)
    }
}

/// Logs a wrong password, for a counter of log lines. The audit log has more.
pub(super) fn log_failed() {
    tracing::info!(target: LOG_TARGET, audit = Action::SigninFailed.as_str(), "a sign-in failed");
}

/// Returns the audit detail for an attempt from a device that signed in to the account before.
fn device_detail(open: &Open) -> Vec<(&'static str, &'static str)> {
    if open.guess.is_from_device() { vec![("device", "known")] } else { Vec::new() }
}

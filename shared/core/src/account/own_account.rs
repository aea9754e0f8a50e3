use std::sync::Arc;

use super::accounts::Accounts;
use super::administration::{Authority, ManageError, UserAdministration};
use super::password_sign_in::{MAX_TRIES, log_failed};
use super::passwords::Passwords;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::{
    Account, Credential, Device, Guess, Lockout, Name, ReauthenticationRequired, Shut, StoredHash, User,
};
use crate::optimistic::{Commit, retry_from};
use crate::password::{Breaches, Password, PasswordRules, WeakPassword};
use crate::port::StoreError;
use crate::port::table::{Item, Write};
use crate::session::{Live, NewSession, Opening};

/// Changes that owners make to their own accounts.
pub struct OwnAccount {
    accounts: Arc<Accounts>,
    passwords: Arc<Passwords>,
    users: Arc<UserAdministration>,
    rules: PasswordRules,
    breaches: Option<Breaches>,
}

/// A change of password as its owner asks for it.
#[derive(Debug)]
pub struct PasswordChange {
    /// The password until now; none where the account has none.
    pub current: Option<Password>,
    /// The password from now on.
    pub new: Password,
    /// The browser, if it signed in to this account before.
    pub device: Option<Device>,
}

/// A [`PasswordChange`] whose new password follows the rules.
#[derive(Debug)]
pub struct CheckedPasswordChange(PasswordChange);

/// Reason that a password stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    /// The new password breaks the rules.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The current password is wrong, or not tried now, since too many wrong ones came.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The account has a password, and none came.
    #[error("the current password is missing: send it as `current_password`")]
    MissingPassword,
    /// The account has no password, and the caller signed in too long ago to give it one.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationRequired),
    /// The caller's session, or the account, ended meanwhile.
    #[error("the session has ended")]
    Ended,
    /// The store or the hasher failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(PasswordChangeError);

/// Reason that an account was not deleted by its owner.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The caller signed in too long ago.
    #[error(transparent)]
    Reauthentication(#[from] ReauthenticationRequired),
    /// The rules about the role `admin`, or a failure.
    #[error(transparent)]
    Manage(#[from] ManageError),
}

impl OwnAccount {
    /// Returns the service over these accounts and rules.
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        passwords: Arc<Passwords>,
        users: Arc<UserAdministration>,
        rules: PasswordRules,
        breaches: Option<Breaches>,
    ) -> Self {
        Self { accounts, passwords, users, rules, breaches }
    }

    /// Returns the caller's account as of now: two reads.
    pub async fn show(&self, caller: &Live) -> Result<Option<Account>, StoreError> {
        self.accounts.open(caller.user.id).await
    }

    /// Gives the caller another name, or none.
    pub async fn rename(
        &self,
        caller: &Live,
        name: Option<&Name>,
        from: &Requester,
    ) -> Result<User, ManageError> {
        self.users.set_name(caller.user.id, name, Authority::Session(caller), from).await
    }

    /// Deletes the caller's account, after a sign-in within the last ten minutes.
    pub async fn delete(&self, caller: &Live, from: &Requester) -> Result<(), DeleteError> {
        caller.session.demand_recent_sign_in(self.accounts.now())?;
        Ok(self.users.delete(caller.user.id, Authority::Session(caller), from).await?)
    }

    /// Checks the new password by the rules, without asking a store.
    pub fn check(
        &self,
        caller: &Live,
        change: PasswordChange,
    ) -> Result<CheckedPasswordChange, WeakPassword> {
        let user = &caller.user;
        self.rules.check(&change.new, &user.email, user.name.as_ref().map(Name::as_str))?;
        Ok(CheckedPasswordChange(change))
    }

    /// Replaces the caller's password, ends every session of the account, and begins a new one in the same commit.
    ///
    /// A wrong current password counts like one of a sign-in and locks like one: whoever holds a session of another person cannot
    /// guess on. An account without a password gets one after a sign-in within the last ten minutes. The caller's session is among
    /// those that end, so `opening` replaces none.
    pub async fn change_password(
        &self,
        caller: &Live,
        CheckedPasswordChange(change): &CheckedPasswordChange,
        opening: &Opening<'_>,
    ) -> Result<NewSession, PasswordChangeError> {
        if let Some(breaches) = &self.breaches
            && breaches.know(&change.new).await
        {
            return Err(WeakPassword::Breached.into());
        }
        let busy = || PasswordChangeError::from(Fault::Busy("this account is being changed"));
        retry_from(Work::default(), MAX_TRIES, busy, |mut work| async move {
            let account = self.accounts.open(caller.user.id).await?.ok_or(PasswordChangeError::Ended)?;
            let session = self.accounts.live_session(caller, &account.user).await?;
            let session = session.ok_or(PasswordChangeError::Ended)?;
            let commit = match self.judge(caller, &account, change, &mut work).await? {
                Verdict::Accepted => self.accept(account, session, change, opening, &mut work).await?,
                Verdict::Wrong(guess) => self.count(&account, guess, opening.from).await?,
                Verdict::Shut(shut) => self.turn_away(&account, shut, opening.from).await?,
            };
            Ok(match commit {
                Commit::Done(begun) => Commit::Done(begun),
                Commit::Conflict(()) => Commit::Conflict(work),
            })
        })
        .await
    }

    /// Judges the current password. It is compared anew only if the hash is another than the compared one.
    async fn judge(
        &self,
        caller: &Live,
        account: &Account,
        change: &PasswordChange,
        work: &mut Work,
    ) -> Result<Verdict, PasswordChangeError> {
        let now = self.accounts.now();
        let Some(credential) = &account.login.credential else {
            caller.session.demand_recent_sign_in(now)?;
            return Ok(Verdict::Accepted);
        };
        let current = change.current.as_ref().ok_or(PasswordChangeError::MissingPassword)?;
        let hash = self.passwords.open(&credential.hash, account.user.id)?;
        let device = change.device.filter(|device| device.is_of(&account.user));
        let guess = match credential.lockout.admit(device.as_ref(), now) {
            Ok(guess) => guess,
            Err(shut) => {
                // The same work as for a password that is tried.
                self.passwords.verify(current, Some(&hash.decoy())).await?;
                return Ok(Verdict::Shut(shut));
            }
        };
        let is_right = match &work.compared {
            Some((compared, is_right)) if *compared == credential.hash => *is_right,
            _ => self.passwords.verify(current, Some(&hash)).await?,
        };
        work.compared = Some((credential.hash.clone(), is_right));
        Ok(if is_right { Verdict::Accepted } else { Verdict::Wrong(guess) })
    }

    async fn accept(
        &self,
        mut account: Account,
        session: Item,
        change: &PasswordChange,
        opening: &Opening<'_>,
        work: &mut Work,
    ) -> Result<Commit<NewSession>, PasswordChangeError> {
        let (accounts, id) = (&*self.accounts, account.user.id);
        let hash = match work.hashed.take() {
            Some(hash) => hash,
            None => self.passwords.hash(&change.new, id).await?,
        };
        work.hashed = Some(hash.clone());
        account.login.credential =
            Some(Credential { hash, changed_at: accounts.now(), lockout: Lockout::default() });
        let user =
            User { session_version: account.user.session_version.saturating_add(1), ..account.user.clone() };
        let signer = accounts.sessions.signer().await?;
        let started = accounts.sessions.start(&user, opening, &signer)?;
        let mut event = accounts.audit.event(Action::PasswordChanged, Actor::User(id), opening.from)?;
        event.user_id = Some(id);
        let mut writes = account.replace(&user)?;
        writes.push(Write::Delete { key: session.key, condition: Some(session.version) });
        writes.extend(started.writes()?);
        writes.push(accounts.audit.write(&event)?);
        Ok(match Commit::of(accounts.commit_change(id, &writes).await, started)? {
            Commit::Done(started) => Commit::Done(accounts.sessions.signed_in(user, started).await),
            Commit::Conflict(()) => Commit::Conflict(()),
        })
    }

    /// Counts a wrong password.
    async fn count(
        &self,
        account: &Account,
        guess: Guess,
        from: &Requester,
    ) -> Result<Commit<NewSession>, PasswordChangeError> {
        let accounts = &*self.accounts;
        let mut login = account.login.clone();
        let led_to = login.credential.as_mut().and_then(|credential| {
            let (lockout, led_to) = credential.lockout.fail(guess, accounts.now());
            credential.lockout = lockout;
            led_to
        });
        let action = match led_to {
            None => Action::SigninFailed,
            Some(Shut::Locked) => Action::SigninLocked,
            Some(Shut::Stopped) => Action::SigninStopped,
        };
        let device = guess.is_from_device().then_some(("device", "known"));
        let event = self.refusal(action, account, from, device)?;
        self.refuse(&[account.replace_login(&login)?, event]).await
    }

    /// Records that no password is tried.
    async fn turn_away(
        &self,
        account: &Account,
        shut: Shut,
        from: &Requester,
    ) -> Result<Commit<NewSession>, PasswordChangeError> {
        let reason = Some(("reason", shut.name()));
        self.refuse(&[self.refusal(Action::SigninRefused, account, from, reason)?]).await
    }

    /// Commits a refusal, which stands unless the account changed meanwhile.
    async fn refuse(&self, writes: &[Write]) -> Result<Commit<NewSession>, PasswordChangeError> {
        match Commit::of(self.accounts.commit(writes).await, ())? {
            Commit::Done(()) => {
                log_failed();
                Err(PasswordChangeError::WrongPassword)
            }
            Commit::Conflict(()) => Ok(Commit::Conflict(())),
        }
    }

    fn refusal(
        &self,
        action: Action,
        account: &Account,
        from: &Requester,
        detail: Option<(&str, &str)>,
    ) -> Result<Write, Fault> {
        let id = account.user.id;
        let mut event = self.accounts.audit.event(action, Actor::User(id), from)?;
        event.user_id = Some(id);
        let details = [Some(("at", "password_change")), detail].into_iter().flatten();
        event.details.extend(details.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(self.accounts.audit.write(&event)?)
    }
}

/// Work of one try that the next one need not repeat.
#[derive(Default)]
struct Work {
    /// A stored hash, and true if the current password matches it.
    compared: Option<(StoredHash, bool)>,
    /// Hash of the new password.
    hashed: Option<StoredHash>,
}

/// Judgement of the current password.
enum Verdict {
    /// It is right, or the account has none.
    Accepted,
    /// It is wrong, and counts.
    Wrong(Guess),
    /// None is tried now.
    Shut(Shut),
}

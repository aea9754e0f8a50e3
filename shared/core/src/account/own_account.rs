use std::sync::Arc;

use super::accounts::Accounts;
use super::administration::{Authority, ManageError, UserAdministration};
use super::passwords::Passwords;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::{
    Account, Credential, Device, Guess, Lockout, Name, ReauthenticationRequired, Session, Shut, User,
};
use crate::optimistic::{Commit, MAX_TRIES, retry};
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
    /// The current password is wrong, missing, or not tried now, since too many wrong ones came.
    #[error("the current password is wrong")]
    WrongPassword,
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
        self.users.set_name(caller.user.id, name, Authority::Owner, from).await
    }

    /// Deletes the caller's account, after a sign-in within the last ten minutes.
    pub async fn delete(&self, caller: &Live, from: &Requester) -> Result<(), DeleteError> {
        caller.session.demand_recent_sign_in(self.accounts.now())?;
        Ok(self.users.delete(caller.user.id, Authority::Owner, from).await?)
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
        retry(MAX_TRIES, busy, || async {
            let account = self.accounts.open(caller.user.id).await?.ok_or(PasswordChangeError::Ended)?;
            let session = self.session(caller, &account.user).await?;
            match self.judge(caller, &account, change).await? {
                Verdict::Accepted => self.accept(account, session, change, opening).await,
                Verdict::Wrong(guess) => match self.count(&account, guess, opening.from).await? {
                    Commit::Done(()) => Err(PasswordChangeError::WrongPassword),
                    Commit::Conflict(()) => Ok(Commit::Conflict(())),
                },
                Verdict::Refused => Err(PasswordChangeError::WrongPassword),
            }
        })
        .await
    }

    /// Reads the caller's session, which must still be alive when the password changes.
    async fn session(&self, caller: &Live, user: &User) -> Result<Item, PasswordChangeError> {
        let lives = caller.session.lives(user, self.accounts.now());
        let item = self.accounts.item(Session::key(user.id, caller.session.id)).await?;
        item.filter(|_| lives).ok_or(PasswordChangeError::Ended)
    }

    async fn judge(
        &self,
        caller: &Live,
        account: &Account,
        change: &PasswordChange,
    ) -> Result<Verdict, PasswordChangeError> {
        let now = self.accounts.now();
        let Some(credential) = &account.login.credential else {
            caller.session.demand_recent_sign_in(now)?;
            return Ok(Verdict::Accepted);
        };
        let device = change.device.filter(|device| device.is_of(&account.user));
        let (Some(current), Ok(guess)) = (&change.current, credential.lockout.admit(device.as_ref(), now))
        else {
            return Ok(Verdict::Refused);
        };
        let hash = self.passwords.open(&credential.hash, account.user.id)?;
        let is_right = self.passwords.verify(current, Some(&hash)).await?;
        Ok(if is_right { Verdict::Accepted } else { Verdict::Wrong(guess) })
    }

    async fn accept(
        &self,
        mut account: Account,
        session: Item,
        change: &PasswordChange,
        opening: &Opening<'_>,
    ) -> Result<Commit<NewSession>, PasswordChangeError> {
        let (accounts, id) = (&*self.accounts, account.user.id);
        let hash = self.passwords.hash(&change.new, id).await?;
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
    ) -> Result<Commit<()>, PasswordChangeError> {
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
        let mut event = accounts.audit.event(action, Actor::User(account.user.id), from)?;
        event.user_id = Some(account.user.id);
        event.details.insert("at".to_owned(), "password_change".to_owned());
        let writes = [account.replace_login(&login)?, accounts.audit.write(&event)?];
        Ok(Commit::of(accounts.commit(&writes).await, ())?)
    }
}

/// Judgement of the current password.
enum Verdict {
    /// It is right, or the account has none.
    Accepted,
    /// It is wrong, and counts.
    Wrong(Guess),
    /// It is missing, or none is tried now.
    Refused,
}

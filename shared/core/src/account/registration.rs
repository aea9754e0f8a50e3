use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accounts::Accounts;
use super::passwords::Passwords;
use crate::fault::{Fault, carry_faults};
use crate::model::audit::{Action, Actor, Requester};
use crate::model::permission::RoleName;
use crate::model::{Credential, Lockout, Login, Name, Status, StoredHash, User};
use crate::password::{Breaches, Password, PasswordRules, WeakPassword};
use crate::port::StoreError;
use crate::port::table::{CommitError, Write};
use crate::session::{NewSession, Opening};
use crate::{Email, UserId};

/// Request to sign up.
#[derive(Debug)]
pub struct SignUp {
    /// The address to sign in with.
    pub email: Email,
    /// The password to sign in with.
    pub password: Password,
    /// Display name.
    pub name: Option<Name>,
}

/// A [`SignUp`] whose password follows the rules.
#[derive(Debug)]
pub struct CheckedSignUp(SignUp);

impl CheckedSignUp {
    /// Returns the address to sign in with.
    pub fn email(&self) -> &Email {
        &self.0.email
    }
}

/// Reason that no account was created.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The password breaks a rule.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The address already has an account.
    #[error("this e-mail address has an account already")]
    EmailTaken,
    /// The request failed.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(SignUpError);

/// Sign-up: a new account with its first session.
pub struct Registration {
    accounts: Arc<Accounts>,
    passwords: Arc<Passwords>,
    rules: PasswordRules,
    /// Check for passwords from breaches, if a service is configured.
    breaches: Option<Breaches>,
}

impl Registration {
    /// Returns the service over these accounts and rules.
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        passwords: Arc<Passwords>,
        rules: PasswordRules,
        breaches: Option<Breaches>,
    ) -> Self {
        Self { accounts, passwords, rules, breaches }
    }

    /// Checks the password of a sign-up, without a store access.
    pub fn check(&self, request: SignUp) -> Result<CheckedSignUp, WeakPassword> {
        self.rules.check(&request.password, &request.email, request.name.as_ref().map(Name::as_str))?;
        Ok(CheckedSignUp(request))
    }

    /// Returns true if [`check_breaches`](Self::check_breaches) calls another service.
    pub fn asks_for_breaches(&self) -> bool {
        self.breaches.is_some()
    }

    /// Checks that the password of a sign-up is not known from a breach, if a service is configured. The service is called over
    /// the network, so requests must be counted by the limits first.
    pub async fn check_breaches(&self, CheckedSignUp(request): &CheckedSignUp) -> Result<(), WeakPassword> {
        match &self.breaches {
            Some(breaches) if breaches.know(&request.password).await => Err(WeakPassword::Breached),
            _ => Ok(()),
        }
    }

    /// Creates an account and its first session: user, login, default role, session and audit event in one commit, which is the
    /// only round trip. The commit demands that the address is free, so of several sign-ups with one address exactly one
    /// succeeds.
    pub async fn sign_up(
        &self,
        CheckedSignUp(request): CheckedSignUp,
        opening: &Opening<'_>,
    ) -> Result<NewSession, SignUpError> {
        let (accounts, from) = (&*self.accounts, opening.from);
        let user = request.user(accounts)?;
        let signer = accounts.sessions.signer().await?;
        let hash = self.passwords.hash(&request.password, user.id).await?;
        let started = accounts.sessions.start(&user, opening, &signer)?;
        let mut writes = creation(&user, hash)?;
        writes.extend(started.writes()?);
        writes.push(signup_event(accounts, &user, Actor::User(user.id), from)?);
        match accounts.commit(&writes).await {
            Ok(()) => Ok(accounts.sessions.signed_up(user, started)),
            Err(CommitError::Conflict { write: LOGIN_WRITE }) => {
                let event = accounts.audit.event(Action::SignupRefused, Actor::Anonymous, from)?;
                accounts.audit.append(&event).await?;
                Err(SignUpError::EmailTaken)
            }
            // Only identifiers can conflict here, and they are random.
            Err(CommitError::Conflict { .. }) => Err(Fault::Busy("the account is being created").into()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

impl CheckedSignUp {
    /// Returns the password.
    pub(super) const fn password(&self) -> &Password {
        &self.0.password
    }

    /// Returns a user with this address and name, a new identifier and the default role.
    pub(super) fn user(&self, accounts: &Accounts) -> Result<User, Fault> {
        self.0.user(accounts)
    }
}

impl SignUp {
    fn user(&self, accounts: &Accounts) -> Result<User, Fault> {
        Ok(User {
            id: UserId::new(&*accounts.clock, &*accounts.entropy)?,
            email: self.email.clone(),
            email_verified: false,
            name: self.name.clone(),
            handle: None,
            avatar: None,
            status: Status::Active,
            roles: BTreeSet::from([RoleName::USER]),
            identities: BTreeMap::new(),
            session_version: 0,
            created_at: accounts.now(),
        })
    }
}

/// Index of the write of [`creation`] whose conflict means that the address has an account.
pub(super) const LOGIN_WRITE: usize = 0;

/// Returns the writes that create an account.
pub(super) fn creation(user: &User, hash: StoredHash) -> Result<Vec<Write>, StoreError> {
    let credential = Some(Credential { hash, changed_at: user.created_at, lockout: Lockout::default() });
    Ok(vec![
        Write::create(Login::key(&user.email), &Login { user: user.clone(), credential })?,
        Write::create(User::key(user.id), user)?.indexed(User::index_key(user.id)),
    ])
}

/// Returns the event of a new account.
pub(super) fn signup_event(
    accounts: &Accounts,
    user: &User,
    actor: Actor,
    from: &Requester,
) -> Result<Write, Fault> {
    let mut event = accounts.audit.event(Action::SignupSucceeded, actor, from)?;
    event.user_id = Some(user.id);
    Ok(accounts.audit.write(&event)?)
}

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

/// What a sign-up brings.
#[derive(Debug)]
pub struct SignUp {
    /// The address to sign in with.
    pub email: Email,
    /// The password to sign in with.
    pub password: Password,
    /// What the person is called.
    pub name: Option<Name>,
}

/// A [`SignUp`] whose password follows the rules.
#[derive(Debug)]
pub struct CheckedSignUp(SignUp);

impl CheckedSignUp {
    /// The address to sign in with.
    pub fn email(&self) -> &Email {
        &self.0.email
    }
}

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The password may not become one.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The address has an account.
    #[error("this e-mail address has an account already")]
    EmailTaken,
    /// It could not be carried out.
    #[error(transparent)]
    Fault(Fault),
}

carry_faults!(SignUpError);

/// Sign-up: an account of one's own, with its first session.
pub struct Registration {
    accounts: Arc<Accounts>,
    passwords: Arc<Passwords>,
    rules: PasswordRules,
    /// Knows passwords from breaches, where a service is asked.
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

    /// Checks what a sign-up brings, without asking a store.
    pub fn check(&self, request: SignUp) -> Result<CheckedSignUp, WeakPassword> {
        self.rules.check(&request.password, &request.email, request.name.as_ref().map(Name::as_str))?;
        Ok(CheckedSignUp(request))
    }

    /// Whether [`check_breaches`](Self::check_breaches) asks another service.
    pub fn asks_for_breaches(&self) -> bool {
        self.breaches.is_some()
    }

    /// Checks that the password of a sign-up is not known from a breach, where a service is configured that knows. It is asked over
    /// the network, so what comes from outside is counted first.
    pub async fn check_breaches(&self, CheckedSignUp(request): &CheckedSignUp) -> Result<(), WeakPassword> {
        match &self.breaches {
            Some(breaches) if breaches.know(&request.password).await => Err(WeakPassword::Breached),
            _ => Ok(()),
        }
    }

    /// Makes an account and its first session: user, login, default role, session and audit event in one commit, which is the
    /// only round trip. That the address is free is a condition of that commit, so of any number of sign-ups with one address
    /// exactly one succeeds.
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
            // Only identifiers are left, and they are random.
            Err(CommitError::Conflict { .. }) => Err(Fault::Busy("the account is being made").into()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

impl CheckedSignUp {
    /// Returns the password.
    pub(super) const fn password(&self) -> &Password {
        &self.0.password
    }

    /// Returns a user of this address and name, with an identifier of their own and the default role.
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

/// The write of [`creation`] whose conflict says that the address has an account.
pub(super) const LOGIN_WRITE: usize = 0;

/// Returns the writes that make an account.
pub(super) fn creation(user: &User, hash: StoredHash) -> Result<Vec<Write>, StoreError> {
    let credential = Some(Credential { hash, changed_at: user.created_at, lockout: Lockout::default() });
    Ok(vec![
        Write::create(Login::key(&user.email), &Login { user: user.clone(), credential })?,
        Write::create(User::key(user.id), user)?.indexed(User::index_key(user.id)),
    ])
}

/// Returns the event of an account that is made.
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

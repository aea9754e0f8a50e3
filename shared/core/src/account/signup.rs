use std::collections::{BTreeMap, BTreeSet};

use super::accounts::{MAX_TRIES, conflict};
use super::manage::Held;
use super::{AccountError, Accounts, Credential, Lockout, Login, ManageError, Name, Status, User};
use crate::audit::{Action, Actor, Requester};
use crate::password::{self, Password, StoredHash, WeakPassword};
use crate::permission::{Admins, RoleName, Roles};
use crate::port::table::Write;
use crate::port::{EntropyError, StoreError};
use crate::session::{Opening, SignedIn};
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
    Account(#[from] AccountError),
}

/// Why an operator's account was not made. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The address has an account.
    #[error("this e-mail address has an account already")]
    EmailTaken,
    /// A role cannot be given, or it could not be carried out.
    #[error(transparent)]
    Refused(#[from] ManageError),
}

impl From<AccountError> for CreateError {
    fn from(error: AccountError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<EntropyError> for CreateError {
    fn from(error: EntropyError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<StoreError> for SignUpError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts {
    /// Checks what a sign-up brings, without asking a store.
    pub fn check_sign_up(&self, request: SignUp) -> Result<CheckedSignUp, WeakPassword> {
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
    ) -> Result<SignedIn, SignUpError> {
        let from = opening.from;
        let user = self.new_user(&request)?;
        let signer = self.sessions.signer().await.map_err(AccountError::from)?;
        let hash = self.hash(&request.password, user.id).await?;
        let started = self.sessions.start(&user, opening, &signer).map_err(AccountError::from)?;
        let mut writes = creation(&user, hash)?;
        let login = 0;
        writes.extend(started.writes()?);
        writes.push(self.signup_event(&user, Actor::User(user.id), from)?);
        match conflict(self.table.commit(&writes, self.clock.now()).await)? {
            None => Ok(self.sessions.signed_up(user, started)),
            Some(write) if write == login => {
                let event = self
                    .audit
                    .event(Action::SignupRefused, Actor::Anonymous, from)
                    .map_err(AccountError::from)?;
                self.audit.append(&event).await?;
                Err(SignUpError::EmailTaken)
            }
            // Only identifiers are left, and they are random.
            Some(_) => Err(AccountError::Busy("the account is being made").into()),
        }
    }

    /// Makes an account with these roles and without a session, in one commit, as an operator does. The operator answers for
    /// the address, so it counts as verified.
    pub async fn create(
        &self,
        CheckedSignUp(request): CheckedSignUp,
        roles: &BTreeSet<RoleName>,
    ) -> Result<User, CreateError> {
        let user = self.vouched_user(&request, roles)?;
        let hash = self.hash(&request.password, user.id).await?;
        self.create_with(user, hash).await
    }

    /// Makes an account without a session for a service whose secret is not at hand: its password hash is sealed when its owner
    /// first signs in there.
    pub async fn create_unsealed(
        &self,
        CheckedSignUp(request): CheckedSignUp,
        roles: &BTreeSet<RoleName>,
    ) -> Result<User, CreateError> {
        let user = self.vouched_user(&request, roles)?;
        let hash = password::hash(&request.password, &self.strength, &*self.hasher, &*self.entropy)
            .await
            .map_err(AccountError::from)?;
        self.create_with(user, StoredHash::unsealed(hash)).await
    }

    /// Hashes a password of `owner` and seals the hash.
    pub(super) async fn hash(&self, password: &Password, owner: UserId) -> Result<StoredHash, AccountError> {
        let hash = password::hash(password, &self.strength, &*self.hasher, &*self.entropy).await?;
        Ok(StoredHash::seal(&hash, owner, &self.sealer, &*self.entropy)?)
    }

    /// A user whose address and roles an operator answers for.
    fn vouched_user(&self, request: &SignUp, roles: &BTreeSet<RoleName>) -> Result<User, AccountError> {
        let user = self.new_user(request)?;
        let roles = user.roles.union(roles).cloned().collect();
        Ok(User { email_verified: true, roles, ..user })
    }

    async fn create_with(&self, user: User, hash: StoredHash) -> Result<User, CreateError> {
        for _ in 0..MAX_TRIES {
            let policy = self.roles.load_fresh().await?;
            let granted = || user.roles.iter().filter(|role| **role != RoleName::USER);
            if let Some(unknown) = granted().find(|role| !policy.value.roles().contains_key(*role)) {
                return Err(ManageError::UnknownRole(unknown.clone()).into());
            }
            if let (Some(last), false) = (granted().next_back(), self.sessions.can_name(&user.roles)) {
                return Err(ManageError::TooManyRoles(last.clone()).into());
            }
            let mut writes = creation(&user, hash.clone())?;
            writes.push(policy.check(Roles::key()));
            if user.roles.contains(&RoleName::ADMIN) {
                let item = self.table.get(&[Admins::key()], self.clock.now()).await?.pop().flatten();
                writes.push(Admins::write_with(item.as_ref(), user.id).map_err(ManageError::from)?);
            }
            writes.push(self.signup_event(&user, Actor::Operator, &Requester::default())?);
            for role in granted() {
                let event = self.audit.event(Action::RoleGranted, Actor::Operator, &Requester::default())?;
                let mut event = event.changing(None, Some(&Held::by(&user)));
                event.user_id = Some(user.id);
                event.resource = Some(format!("role:{role}"));
                writes.push(self.audit.write(&event)?);
            }
            match conflict(self.table.commit(&writes, self.clock.now()).await)? {
                None => return Ok(user),
                Some(0) => return Err(CreateError::EmailTaken),
                // The roles, or the administrators, changed meanwhile.
                Some(_) => {}
            }
        }
        Err(ManageError::from(AccountError::Busy("the roles are being changed")).into())
    }

    fn new_user(&self, request: &SignUp) -> Result<User, AccountError> {
        Ok(User {
            id: UserId::new(&*self.clock, &*self.entropy)?,
            email: request.email.clone(),
            email_verified: false,
            name: request.name.clone(),
            handle: None,
            avatar: None,
            status: Status::Active,
            roles: BTreeSet::from([RoleName::USER]),
            identities: BTreeMap::new(),
            epoch: 0,
            created_at: self.clock.now(),
        })
    }

    fn signup_event(&self, user: &User, actor: Actor, from: &Requester) -> Result<Write, AccountError> {
        let mut event = self.audit.event(Action::SignupSucceeded, actor, from)?;
        event.user_id = Some(user.id);
        Ok(self.audit.write(&event)?)
    }
}

/// The login first: its conflict is the one that means something.
fn creation(user: &User, hash: StoredHash) -> Result<Vec<Write>, StoreError> {
    let credential = Some(Credential { hash, changed_at: user.created_at, lockout: Lockout::default() });
    Ok(vec![
        Write::create(Login::key(&user.email), &Login { user: user.clone(), credential })?,
        Write::create(User::key(user.id), user)?.indexed(User::place(user.id)),
    ])
}

//! What an operator does on a deployment that has no command line: the `latchkey` commands that need no password.
//!
//! No operation, since it has no route: it is called directly, by whoever the platform lets call it (on AWS, by IAM).

use latchkey_core::account::{Authority, Located, ManageError, Relocation, Status};
use latchkey_core::audit::{Action, Actor, Requester};
use latchkey_core::permission::{ChangeError, RoleName};
use latchkey_core::port::{EntropyError, StoreError};
use latchkey_core::token::KeysError;
use latchkey_core::{Email, Services, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be done, such as `{"command": "grant", "email": "ada@example.com", "role": "admin"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Makes the initial roles, as far as they are missing, and the signing keys. The first thing after a deployment.
    Setup {},
    /// Gives a role to the account of this address.
    Grant {
        /// Whose.
        email: String,
        /// Which.
        role: String,
    },
    /// Takes a role from the account of this address.
    Revoke {
        /// Whose.
        email: String,
        /// Which.
        role: String,
    },
    /// Disables the account of this address and ends its sessions.
    Disable {
        /// Whose.
        email: String,
    },
    /// Enables the account of this address.
    Enable {
        /// Whose.
        email: String,
    },
    /// Ends the lock or the stop that wrong passwords led to.
    Unlock {
        /// Whose.
        email: String,
    },
    /// Moves the identities of a provider to an issuer that names every person as the former one did.
    MoveIdentities {
        /// What the provider is called here.
        provider: String,
        /// The issuer that they are of.
        from: String,
        /// The issuer that they are to be of.
        to: String,
    },
    /// Takes the identities of a provider away, but where they are the only way in.
    DropIdentities {
        /// What the provider is called here.
        provider: String,
        /// The issuer that they are of.
        issuer: String,
    },
    /// Lets the next key sign and publishes a new next one; tokens stay valid.
    RotateKeys {},
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// In words.
    pub done: String,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The event is no command.
    #[error(
        "this is no command ({0}); send one such as {{\"command\":\"grant\",\"email\":\"you@example.com\",\"role\":\"admin\"}}: \
         the commands are setup, grant, revoke, disable, enable, unlock, move-identities, drop-identities and rotate-keys"
    )]
    Command(serde_json::Error),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// The address has no account.
    #[error("{0} has no account: sign up with it first")]
    NoAccount(Email),
    /// The roles were not changed.
    #[error(transparent)]
    Roles(#[from] ChangeError),
    /// The account was not changed.
    #[error(transparent)]
    Account(#[from] ManageError),
    /// The keys were not changed.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There was no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Carries out the command in `event`.
pub async fn operate(services: &Services, event: Value) -> Result<Done, OperatorError> {
    let done = match serde_json::from_value(event).map_err(OperatorError::Command)? {
        Command::Setup {} => setup(services).await?,
        Command::Grant { email, role } => {
            let (role, id) = (role_name(&role)?, find(services, &email).await?);
            services.accounts.grant(id, &role, Authority::Operator, &Requester::default()).await?;
            format!("{email} holds the role {role}.")
        }
        Command::Revoke { email, role } => {
            let (role, id) = (role_name(&role)?, find(services, &email).await?);
            services.accounts.revoke_role(id, &role, Authority::Operator, &Requester::default()).await?;
            format!("{email} does not hold the role {role}.")
        }
        Command::Disable { email } => {
            set_status(services, &email, Status::Disabled).await?;
            format!("{email} is disabled, and signed out everywhere.")
        }
        Command::Enable { email } => {
            set_status(services, &email, Status::Active).await?;
            format!("{email} may sign in again.")
        }
        Command::Unlock { email } => {
            let id = find(services, &email).await?;
            let unlocked = services.accounts.unlock(id).await?;
            format!("{email} {}", if unlocked { "is unlocked." } else { "was not locked." })
        }
        Command::MoveIdentities { provider, from, to } => {
            relocate(services, &provider, &from, Relocation::Move(&argument(&to)?)).await?
        }
        Command::DropIdentities { provider, issuer } => {
            relocate(services, &provider, &issuer, Relocation::Drop).await?
        }
        Command::RotateKeys {} => rotate_keys(services).await?,
    };
    Ok(Done { done })
}

async fn setup(services: &Services) -> Result<String, OperatorError> {
    let event = services.audit.event(Action::RolePut, Actor::Operator, &Requester::default())?;
    let made = services.roles.init(&[services.audit.write(&event)?]).await?;
    // Reading the public keys makes them where there are none.
    services.keys.jwks().await?;
    let made: Vec<_> = made.iter().map(ToString::to_string).collect();
    Ok(match made.as_slice() {
        [] => "The roles and the signing keys are there already.".to_owned(),
        made => format!("Made the roles {}; the signing keys are there.", made.join(", ")),
    })
}

async fn rotate_keys(services: &Services) -> Result<String, OperatorError> {
    let ring = services.keys.rotate().await?;
    let mut event = services.audit.event(Action::KeysRotated, Actor::Operator, &Requester::default())?;
    event.resource = Some(format!("key:{}", ring.current().kid()));
    services.audit.append(&event).await?;
    Ok(format!("{} {} signs now.", ring.current().algorithm(), ring.current().kid()))
}

async fn set_status(services: &Services, email: &str, status: Status) -> Result<(), OperatorError> {
    let id = find(services, email).await?;
    services.accounts.set_status(id, status, Authority::Operator, &Requester::default()).await?;
    Ok(())
}

async fn relocate(
    services: &Services,
    provider: &str,
    issuer: &str,
    to: Relocation<'_>,
) -> Result<String, OperatorError> {
    let (provider, issuer) = (argument(provider)?, argument(issuer)?);
    let at = Located { provider: &provider, issuer: &issuer };
    Ok(services.accounts.relocate(at, to).await?.to_string())
}

/// An argument by its type; the error repeats it, since no argument is a secret.
fn argument<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, OperatorError> {
    text.parse().map_err(|error| OperatorError::Argument(format!("`{text}`: {error}")))
}

async fn find(services: &Services, email: &str) -> Result<UserId, OperatorError> {
    let email: Email =
        email.parse().map_err(|error| OperatorError::Argument(format!("`{email}`: {error}")))?;
    let user = services.accounts.find_by_email(&email).await?;
    user.map(|user| user.id).ok_or(OperatorError::NoAccount(email))
}

fn role_name(text: &str) -> Result<RoleName, OperatorError> {
    text.parse().map_err(|error| OperatorError::Argument(format!("`{text}`: {error}")))
}

//! Commands of an operator for a deployment without a command line: the `latchkey` commands that need no
//! password.
//!
//! It is not an operation, because it has no route. It is called directly, by callers that the platform
//! allows (on AWS by IAM).

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use latchkey_core::account::{
    AccountName, Authority, IssuerIdentities, ManageError, NamedError, Relocation, Status,
};
use latchkey_core::audit::{Action, Actor, Requester};
use latchkey_core::permission::{Author, ChangeError, Role, RoleName};
use latchkey_core::{Fault, Services};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Time for which one call reseals values. It is well within the function's timeout.
const RESEAL_TIME: Duration = Duration::from_secs(20);

/// A command, such as `{"command": "grant", "email": "ada@example.com", "role": "admin"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Creates the missing initial roles and the signing keys. Run it first after a deployment.
    Setup {
        /// Restores changed initial roles, and does nothing else.
        #[serde(default)]
        repair: bool,
    },
    /// Creates a role, or replaces it as a whole.
    PutRole {
        /// Name of the role.
        role: String,
        /// Purpose, in one line.
        description: Option<String>,
        /// Grants of the role.
        permissions: Vec<String>,
        /// Roles whose grants this role has too.
        #[serde(default)]
        includes: Vec<String>,
    },
    /// Deletes a role.
    DeleteRole {
        /// Name of the role.
        role: String,
    },
    /// Gives a role to an account.
    Grant {
        /// Address of the account, which must be verified.
        email: Option<String>,
        /// Identifier of the account, as an alternative.
        id: Option<String>,
        /// Name of the role.
        role: String,
        /// Allows an unverified address.
        #[serde(default)]
        unverified: bool,
    },
    /// Takes a role from an account.
    Revoke {
        /// Address of the account.
        email: Option<String>,
        /// Identifier of the account, as an alternative.
        id: Option<String>,
        /// Name of the role.
        role: String,
    },
    /// Disables an account and ends its sessions.
    Disable {
        /// Address of the account.
        email: Option<String>,
        /// Identifier of the account, as an alternative.
        id: Option<String>,
    },
    /// Enables an account.
    Enable {
        /// Address of the account.
        email: Option<String>,
        /// Identifier of the account, as an alternative.
        id: Option<String>,
    },
    /// Ends the lock or the stop after wrong passwords.
    Unlock {
        /// Address of the account.
        email: Option<String>,
        /// Identifier of the account, as an alternative.
        id: Option<String>,
    },
    /// Moves the identities of a provider to a new issuer, which must name every person as the previous one
    /// did.
    MoveIdentities {
        /// Name of the provider in the configuration.
        provider: String,
        /// Current issuer of the identities.
        from: String,
        /// New issuer of the identities.
        to: String,
    },
    /// Deletes the identities of a provider, except those that are an account's only way to sign in.
    DropIdentities {
        /// Name of the provider in the configuration.
        provider: String,
        /// Issuer of the identities.
        issuer: String,
    },
    /// Makes the next key the signing key and publishes a new next key. Tokens stay valid.
    RotateKeys {},
    /// Reseals all sealed values under the first secret of `LATCHKEY_SECRET`. One call works for 20 seconds;
    /// send it again until nothing is left.
    ResealSecrets {},
    /// Ends every session, such as those that a restored backup brought back.
    EndAllSessions {},
}

/// Result of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Description of the result, for people.
    pub done: String,
}

/// Reason that a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The event is not a command.
    #[error(
        "the event is not a command ({0}); send one such as \
         {{\"command\":\"grant\",\"email\":\"you@example.com\",\"role\":\"admin\"}}: the commands are setup, \
         put-role, delete-role, grant, revoke, disable, enable, unlock, move-identities, drop-identities, \
         rotate-keys, reseal-secrets and end-all-sessions"
    )]
    Command(serde_json::Error),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// The named account does not exist or cannot be used.
    #[error(transparent)]
    Named(#[from] NamedError),
    /// The change of roles was refused.
    #[error(transparent)]
    Roles(#[from] ChangeError),
    /// The change of the account was refused.
    #[error(transparent)]
    Account(#[from] ManageError),
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Carries out the command in `event`.
pub async fn operate(services: &Services, event: Value) -> Result<Done, OperatorError> {
    let done = match serde_json::from_value(event).map_err(OperatorError::Command)? {
        Command::Setup { repair } => setup(services, repair).await?,
        Command::PutRole { role: name, description, permissions, includes } => {
            let name = parse::<RoleName>(&name)?;
            let permissions =
                permissions.iter().map(|text| parse(text)).collect::<Result<_, OperatorError>>()?;
            let includes = includes.iter().map(|text| parse(text)).collect::<Result<_, OperatorError>>()?;
            services.roles.put(&name, &Role { description, permissions, includes }, Author::Operator).await?;
            format!("Stored the role {name}.")
        }
        Command::DeleteRole { role } => {
            let name = parse::<RoleName>(&role)?;
            services.roles.remove(&name, Author::Operator).await?;
            format!("Deleted the role {name}.")
        }
        Command::Grant { email, id, role, unverified } => {
            let (role, account) = (parse::<RoleName>(&role)?, account_name(email, id)?);
            let user = services.users.named_for_grant(&account, unverified).await?;
            services.users.grant_role(user.id, &role, Authority::Operator, &Requester::default()).await?;
            format!("{account} holds the role {role}: {}.", user.described(services.ports.clock.now()))
        }
        Command::Revoke { email, id, role } => {
            let (role, account) = (parse::<RoleName>(&role)?, account_name(email, id)?);
            let user = services.users.named(&account).await?;
            services.users.revoke_role(user.id, &role, Authority::Operator, &Requester::default()).await?;
            format!("{account} does not hold the role {role}.")
        }
        Command::Disable { email, id } => {
            let account = account_name(email, id)?;
            set_status(services, &account, Status::Disabled).await?;
            format!("{account} is disabled, and signed out everywhere.")
        }
        Command::Enable { email, id } => {
            let account = account_name(email, id)?;
            set_status(services, &account, Status::Active).await?;
            format!("{account} may sign in again.")
        }
        Command::Unlock { email, id } => {
            let account = account_name(email, id)?;
            let user = services.users.named(&account).await?;
            let unlocked = services.users.unlock(user.id).await?;
            format!("{account} {}", if unlocked { "is unlocked." } else { "was not locked." })
        }
        Command::MoveIdentities { provider, from, to } => {
            relocate(services, &provider, &from, Relocation::Move(&parse(&to)?)).await?
        }
        Command::DropIdentities { provider, issuer } => {
            relocate(services, &provider, &issuer, Relocation::Drop).await?
        }
        Command::RotateKeys {} => rotate_keys(services).await?,
        Command::ResealSecrets {} => reseal_secrets(services).await?,
        Command::EndAllSessions {} => end_all_sessions(services).await?,
    };
    Ok(Done { done })
}

async fn setup(services: &Services, repair: bool) -> Result<String, OperatorError> {
    if repair {
        let restored: Vec<_> = services.roles.repair().await?.iter().map(ToString::to_string).collect();
        return Ok(match restored.as_slice() {
            [] => "The initial roles are unchanged.".to_owned(),
            restored => format!("Restored the roles {}.", restored.join(", ")),
        });
    }
    let made: Vec<_> = services.roles.init().await?.iter().map(ToString::to_string).collect();
    // Reading the public keys creates them if there are none.
    services.keys.jwks().await.map_err(Fault::from)?;
    Ok(match made.as_slice() {
        [] => "The roles and the signing keys already exist.".to_owned(),
        made => format!("Created the roles {}; the signing keys exist.", made.join(", ")),
    })
}

async fn end_all_sessions(services: &Services) -> Result<String, OperatorError> {
    services.roles.end_sessions(services.ports.clock.now()).await?;
    services.sessions.memory().forget_all();
    Ok("Every session has ended. It takes effect everywhere within a minute; other services accept access \
        tokens for up to 15 minutes."
        .to_owned())
}

async fn rotate_keys(services: &Services) -> Result<String, Fault> {
    let ring = services.keys.rotate().await?;
    let mut event = services.audit.event(Action::KeysRotated, Actor::Operator, &Requester::default())?;
    event.resource = Some(format!("key:{}", ring.current().kid()));
    services.audit.append(&event).await?;
    Ok(format!("{} {} signs now.", ring.current().algorithm(), ring.current().kid()))
}

async fn reseal_secrets(services: &Services) -> Result<String, OperatorError> {
    let clock = &services.ports.clock;
    let until = clock.now() + RESEAL_TIME;
    Ok(services.secrets.reseal(Actor::Operator, || clock.now() < until).await?.to_string())
}

async fn set_status(services: &Services, account: &AccountName, status: Status) -> Result<(), OperatorError> {
    let id = services.users.named(account).await?.id;
    services.users.set_status(id, status, Authority::Operator, &Requester::default()).await?;
    Ok(())
}

async fn relocate(
    services: &Services,
    provider: &str,
    issuer: &str,
    to: Relocation<'_>,
) -> Result<String, OperatorError> {
    let (provider, issuer) = (parse(provider)?, parse(issuer)?);
    let at = IssuerIdentities { provider: &provider, issuer: &issuer };
    Ok(services.relocation.relocate(at, to).await?.to_string())
}

/// Returns the account that a command names, either by address or by identifier.
fn account_name(email: Option<String>, id: Option<String>) -> Result<AccountName, OperatorError> {
    match (email, id) {
        (Some(email), None) => Ok(AccountName::Email(parse(&email)?)),
        (None, Some(id)) => Ok(AccountName::Id(parse(&id)?)),
        (Some(_), Some(_)) | (None, None) => {
            Err(OperatorError::Argument("send either `email` or `id` of the account".to_owned()))
        }
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, OperatorError> {
    text.parse().map_err(|error| OperatorError::Argument(format!("`{text}`: {error}")))
}

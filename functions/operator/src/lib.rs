//! What an operator does on a deployment that has no command line: the `latchkey` commands that need no password.
//!
//! No operation, since it has no route: it is called directly, by whoever the platform lets call it (on AWS, by IAM).

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

/// How long one call moves sealed values, well within the function's timeout.
const RESEAL_TIME: Duration = Duration::from_secs(20);

/// What is to be done, such as `{"command": "grant", "email": "ada@example.com", "role": "admin"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Makes the initial roles, as far as they are missing, and the signing keys. The first thing after a deployment.
    Setup {
        /// Restores the initial roles where they were changed, and does nothing else.
        #[serde(default)]
        repair: bool,
    },
    /// Makes a role, or replaces the whole of it.
    PutRole {
        /// Its name.
        role: String,
        /// Its purpose, in a line.
        description: Option<String>,
        /// What it grants.
        permissions: Vec<String>,
        /// The roles whose grants it has as well.
        #[serde(default)]
        includes: Vec<String>,
    },
    /// Deletes a role.
    DeleteRole {
        /// Its name.
        role: String,
    },
    /// Gives a role to an account.
    Grant {
        /// The account's address, which must be verified.
        email: Option<String>,
        /// Or its identifier.
        id: Option<String>,
        /// Which.
        role: String,
        /// Whether the address need not be verified.
        #[serde(default)]
        unverified: bool,
    },
    /// Takes a role from an account.
    Revoke {
        /// The account's address.
        email: Option<String>,
        /// Or its identifier.
        id: Option<String>,
        /// Which.
        role: String,
    },
    /// Disables an account and ends its sessions.
    Disable {
        /// The account's address.
        email: Option<String>,
        /// Or its identifier.
        id: Option<String>,
    },
    /// Enables an account.
    Enable {
        /// The account's address.
        email: Option<String>,
        /// Or its identifier.
        id: Option<String>,
    },
    /// Ends the lock or the stop that wrong passwords led to.
    Unlock {
        /// The account's address.
        email: Option<String>,
        /// Or its identifier.
        id: Option<String>,
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
    /// Moves everything that is stored sealed under the first secret of `LATCHKEY_SECRET`. Works for 20 seconds at a time: send it
    /// again until nothing is left.
    ResealSecrets {},
    /// Ends every session that there is, such as those that a restored backup brought back.
    EndAllSessions {},
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
         the commands are setup, put-role, delete-role, grant, revoke, disable, enable, unlock, move-identities, \
         drop-identities, rotate-keys, reseal-secrets and end-all-sessions"
    )]
    Command(serde_json::Error),
    /// An argument is wrong.
    #[error("{0}")]
    Argument(String),
    /// The account that is named cannot be used.
    #[error(transparent)]
    Named(#[from] NamedError),
    /// The roles were not changed.
    #[error(transparent)]
    Roles(#[from] ChangeError),
    /// The account was not changed.
    #[error(transparent)]
    Account(#[from] ManageError),
    /// It could not be carried out.
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
            format!("The role {name} is as given.")
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
            [] => "The roles are as they are made.".to_owned(),
            restored => format!("Restored the roles {}.", restored.join(", ")),
        });
    }
    let made: Vec<_> = services.roles.init().await?.iter().map(ToString::to_string).collect();
    // Reading the public keys makes them where there are none.
    services.keys.jwks().await.map_err(Fault::from)?;
    Ok(match made.as_slice() {
        [] => "The roles and the signing keys are there already.".to_owned(),
        made => format!("Made the roles {}; the signing keys are there.", made.join(", ")),
    })
}

async fn end_all_sessions(services: &Services) -> Result<String, OperatorError> {
    services.roles.end_sessions(services.ports.clock.now()).await?;
    services.sessions.memory().forget_all();
    Ok("Every session has ended: everywhere within a minute, and access tokens elsewhere within 15."
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

/// The account that a command names in exactly one way.
fn account_name(email: Option<String>, id: Option<String>) -> Result<AccountName, OperatorError> {
    match (email, id) {
        (Some(email), None) => Ok(AccountName::Email(parse(&email)?)),
        (None, Some(id)) => Ok(AccountName::Id(parse(&id)?)),
        (Some(_), Some(_)) | (None, None) => {
            Err(OperatorError::Argument("name the account by either `email` or `id`".to_owned()))
        }
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, OperatorError> {
    text.parse().map_err(|error| OperatorError::Argument(format!("`{text}`: {error}")))
}

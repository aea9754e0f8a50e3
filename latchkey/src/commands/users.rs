use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};

use latchkey_core::account::{AccountName, Authority, CreateError, Name, NamedError, SignUp, Status};
use latchkey_core::audit::Requester;
use latchkey_core::password::Password;
use latchkey_core::permission::RoleName;
use latchkey_core::{Email, SecretString, Services};

use super::{Failure, roles, say};

/// Creates an account.
pub(super) async fn add(
    services: Services,
    email: Email,
    name: Option<Name>,
    roles: Vec<RoleName>,
    password: Password,
) -> Result<(), Failure> {
    let policy = services.roles.load_fresh().await?.value;
    let made = if policy.roles().is_empty() { services.roles.init().await? } else { BTreeSet::new() };
    let sign_up = services.registration.check(SignUp { email: email.clone(), password, name })?;
    services.registration.check_breaches(&sign_up).await?;
    let granted: BTreeSet<_> = roles.into_iter().collect();
    let user = match services.users.create(&sign_up, &granted).await {
        Ok(user) => user,
        Err(CreateError::EmailTaken) => {
            return Err(
                format!("{email} already has an account; grant roles with `latchkey users grant`").into()
            );
        }
        Err(error) => return Err(error.into()),
    };
    roles::say_made(&made);
    say(format_args!("Created the account {} for {email}.", user.id));
    for role in granted {
        say(format_args!("Granted {role}."));
    }
    Ok(())
}

/// Asks for the password twice at a terminal, or else reads one line. A password is never an argument,
/// because other users of the machine and the shell's history would see it.
pub(super) fn read_password(from_stdin: bool) -> Result<SecretString, Failure> {
    if from_stdin || !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Again: ")?;
    if first != second {
        return Err("the two passwords differ; try again".into());
    }
    Ok(first.into())
}

/// Lists the accounts.
pub(super) async fn list(services: Services) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = services.users.list(200, after).await?;
        for user in page.users {
            let roles: Vec<_> = user.roles.iter().map(ToString::to_string).collect();
            let status = if user.is_active() { "active" } else { "disabled" };
            say(format_args!("{}  {}  {status}  {}", user.id, user.email, roles.join(",")));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Grants a role.
pub(super) async fn grant(
    services: Services,
    account: &AccountName,
    role: &RoleName,
    unverified: bool,
) -> Result<(), Failure> {
    let user = services.users.named_for_grant(account, unverified).await.map_err(hinted)?;
    services.users.grant_role(user.id, role, Authority::Operator, &Requester::default()).await?;
    say(format_args!("{account} holds the role {role}."));
    say(format_args!("    {}", user.described(services.ports.clock.now())));
    Ok(())
}

/// Revokes a role.
pub(super) async fn revoke(
    services: Services,
    account: &AccountName,
    role: &RoleName,
) -> Result<(), Failure> {
    let user = services.users.named(account).await.map_err(hinted)?;
    services.users.revoke_role(user.id, role, Authority::Operator, &Requester::default()).await?;
    say(format_args!("{account} does not hold the role {role}."));
    Ok(())
}

/// Disables an account.
pub(super) async fn disable(services: Services, account: &AccountName) -> Result<(), Failure> {
    set_status(&services, account, Status::Disabled).await?;
    say(format_args!("{account} is disabled, and signed out everywhere."));
    Ok(())
}

/// Enables an account.
pub(super) async fn enable(services: Services, account: &AccountName) -> Result<(), Failure> {
    set_status(&services, account, Status::Active).await?;
    say(format_args!("{account} may sign in again."));
    Ok(())
}

/// Ends the lock or the stop of an account.
pub(super) async fn unlock(services: Services, account: &AccountName) -> Result<(), Failure> {
    let user = services.users.named(account).await.map_err(hinted)?;
    let unlocked = services.users.unlock(user.id).await?;
    say(format_args!("{account} {}", if unlocked { "is unlocked." } else { "was not locked." }));
    Ok(())
}

async fn set_status(services: &Services, account: &AccountName, status: Status) -> Result<(), Failure> {
    let user = services.users.named(account).await.map_err(hinted)?;
    services.users.set_status(user.id, status, Authority::Operator, &Requester::default()).await?;
    Ok(())
}

/// Returns the failure. If there is no account, it names the command that creates one.
fn hinted(error: NamedError) -> Failure {
    match error {
        NamedError::NoAccount(AccountName::Email(email)) => {
            format!("{email} has no account; create it with `latchkey users add {email}`").into()
        }
        error => error.into(),
    }
}

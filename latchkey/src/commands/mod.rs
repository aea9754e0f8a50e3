//! Implementation of each command.

mod d1;
mod doctor;
mod findings;
mod health;
mod identities;
mod keys;
mod live;
mod roles;
mod secrets;
mod serve;
mod sessions;
mod users;

use std::fmt::Display;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use latchkey_core::Services;
use latchkey_core::account::Relocation;
use latchkey_core::password::Password;
use latchkey_core::permission::Role;

use crate::cli::{
    Cli, Command, D1Command, DataArgs, IdentitiesCommand, KeysCommand, RolesCommand, SecretsCommand,
    SessionsCommand, UsersCommand,
};
use crate::data::Missing;
use crate::service;

/// Reason that a command failed, in one line: the problem and its fix.
pub type Failure = Box<dyn std::error::Error>;

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let data = &cli.data;
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(&args, data),
        Command::Roles(command) => roles(command, data),
        Command::Users(command) => users(command, data),
        Command::Identities(command) => identities(command, data),
        Command::Sessions(SessionsCommand::EndAll) => administer(data, sessions::end_all),
        Command::Keys(KeysCommand::Rotate) => administer(data, keys::rotate),
        Command::Secrets(SecretsCommand::Reseal) => administer(data, secrets::reseal),
        Command::D1(D1Command::Unlock { email }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(d1::unlock(&email))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::D1(D1Command::Operate { command }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(d1::operate(command))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::D1(D1Command::FirstAdmin { email, name, password_stdin }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(d1::first_admin(email, name, password_stdin))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            say(latchkey_all::OPENAPI.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor { live: Some(url), origins } => live::run(&url, &origins),
        Command::Doctor { live: None, .. } => doctor::run(data),
        Command::Health { url: Some(url), .. } => health::run(url.as_str()),
        Command::Health { url: None, listen } => health::run(&health::url_at(listen)),
    }
}

fn roles(command: RolesCommand, data: &DataArgs) -> Result<ExitCode, Failure> {
    match command {
        RolesCommand::Init { repair: false } => administer(data, roles::init),
        RolesCommand::Init { repair: true } => administer(data, roles::repair),
        RolesCommand::List => administer(data, roles::list),
        RolesCommand::Put { role: name, description, permissions, includes } => {
            let permissions = permissions.into_iter().collect();
            let role = Role { description, permissions, includes: includes.into_iter().collect() };
            administer(data, async move |services| roles::put(services, &name, &role).await)
        }
        RolesCommand::Delete { role } => {
            administer(data, async move |services| roles::delete(services, &role).await)
        }
    }
}

fn users(command: UsersCommand, data: &DataArgs) -> Result<ExitCode, Failure> {
    match command {
        UsersCommand::Add { email, name, roles, password_stdin } => {
            // The password is read before the folder is opened: a person may take long, and a server may
            // start in the meantime.
            let password = Password::new(&users::read_password(password_stdin)?);
            // The first admin may be created before the server's first start.
            administer_in(data, Missing::Make, async move |services| {
                users::add(services, email, name, roles, password).await
            })
        }
        UsersCommand::List => administer(data, users::list),
        UsersCommand::Grant { account, role, unverified } => {
            administer(data, async move |services| users::grant(services, &account, &role, unverified).await)
        }
        UsersCommand::Revoke { account, role } => {
            administer(data, async move |services| users::revoke(services, &account, &role).await)
        }
        UsersCommand::Disable { account } => {
            administer(data, async move |services| users::disable(services, &account).await)
        }
        UsersCommand::Enable { account } => {
            administer(data, async move |services| users::enable(services, &account).await)
        }
        UsersCommand::Unlock { account } => {
            administer(data, async move |services| users::unlock(services, &account).await)
        }
    }
}

fn identities(command: IdentitiesCommand, data: &DataArgs) -> Result<ExitCode, Failure> {
    match command {
        IdentitiesCommand::List => administer(data, identities::list),
        IdentitiesCommand::Move { provider, from, to } => administer(data, async move |services| {
            identities::relocate(services, &provider, &from, Relocation::Move(&to)).await
        }),
        IdentitiesCommand::Drop { provider, issuer } => administer(data, async move |services| {
            identities::relocate(services, &provider, &issuer, Relocation::Drop).await
        }),
    }
}

/// Runs `task` over the services of existing data, while a server may be running on it.
fn administer<F: Future<Output = Result<(), Failure>>>(
    data: &DataArgs,
    task: impl FnOnce(Services) -> F,
) -> Result<ExitCode, Failure> {
    administer_in(data, Missing::Refuse, task)
}

fn administer_in<F: Future<Output = Result<(), Failure>>>(
    data: &DataArgs,
    missing: Missing,
    task: impl FnOnce(Services) -> F,
) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (made, local) = service::open(data, missing, default_listen())?;
    runtime.block_on(task(local.services))?;
    made.keep();
    Ok(ExitCode::SUCCESS)
}

/// Returns the address at which commands assume a server.
fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8787))
}

/// Prints a line. A closed pipe, as with `latchkey openapi | head`, is not an error; `println!` would panic.
fn say(line: impl Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = writeln!(std::io::stderr(), "latchkey: standard output cannot be written ({error})");
    }
}

//! What each command does.

mod d1;
mod doctor;
mod keys;
mod roles;
mod serve;
#[cfg(feature = "services")]
mod services;
mod users;

use std::fmt::Display;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use latchkey_core::Services;

use crate::cli::{Cli, Command, D1Command, DataArgs, KeysCommand, RolesCommand, UsersCommand};
use crate::service;

/// Why a command failed: one line that says what and the mend.
pub type Failure = Box<dyn std::error::Error>;

/// Carries out the command.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(&args),
        Command::Roles(RolesCommand::Init(data)) => administer(&data, roles::init),
        Command::Roles(RolesCommand::List(data)) => administer(&data, roles::list),
        Command::Users(command) => users(command),
        Command::Keys(KeysCommand::Rotate(data)) => administer(&data, keys::rotate),
        Command::D1(D1Command::FirstAdmin { email, name, password_stdin }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(d1::first_admin(email, name, password_stdin))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi => {
            say(latchkey_all::OPENAPI.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor(data) => doctor::run(&data),
        #[cfg(feature = "services")]
        Command::Services(args) => services::run(&args),
        #[cfg(not(feature = "services"))]
        Command::Services(_) => {
            Err("this `latchkey` was built without them: run `cargo run --features services -- services`"
                .into())
        }
    }
}

fn users(command: UsersCommand) -> Result<ExitCode, Failure> {
    match command {
        UsersCommand::Add { email, name, roles, password_stdin, data } => {
            administer(&data, async move |services| {
                users::add(services, email, name, roles, password_stdin).await
            })
        }
        UsersCommand::List(data) => administer(&data, users::list),
        UsersCommand::Grant { email, role, data } => {
            administer(&data, async move |services| users::grant(services, &email, &role).await)
        }
        UsersCommand::Revoke { email, role, data } => {
            administer(&data, async move |services| users::revoke(services, &email, &role).await)
        }
        UsersCommand::Disable { email, data } => {
            administer(&data, async move |services| users::disable(services, &email).await)
        }
        UsersCommand::Enable { email, data } => {
            administer(&data, async move |services| users::enable(services, &email).await)
        }
    }
}

/// Runs `task` over the services, beside a server that may be running on the same data.
fn administer<F: Future<Output = Result<(), Failure>>>(
    data: &DataArgs,
    task: impl FnOnce(Services) -> F,
) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = service::open(data, default_listen())?;
    runtime.block_on(task(local.services))?;
    Ok(ExitCode::SUCCESS)
}

/// Where a server is assumed to listen by a command that is not one.
fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8787))
}

/// Prints a line. That nobody reads on, as with `latchkey openapi | head`, is no fault; `println!` would panic.
fn say(line: impl Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = writeln!(std::io::stderr(), "latchkey: standard output cannot be written ({error})");
    }
}

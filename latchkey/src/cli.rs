//! What the command line takes.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use latchkey_core::Email;
use latchkey_core::account::{AccountName, Name};
use latchkey_core::oauth::{Issuer, ProviderName};
use latchkey_core::permission::{Grant, RoleName};
use url::Url;

/// Sign-in for people who run no servers.
#[derive(Parser)]
#[command(name = "latchkey", version, about)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

impl Cli {
    /// Reads the command line; ends the process where it is wrong, or asks for help.
    pub fn read() -> Self {
        Self::from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn from(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(line)?;
        let given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if given("listen") && matches.subcommand_name().is_some() {
            let text = "`--listen` stands behind `serve`: write `latchkey serve --listen ADDR`";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.data.given = given("data");
        Ok(cli)
    }
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run the whole service on this machine
    Serve(ServeArgs),
    /// Role definitions
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Users and the roles they hold
    #[command(subcommand)]
    Users(UsersCommand),
    /// Identities at providers
    #[command(subcommand)]
    Identities(IdentitiesCommand),
    /// Sessions of everybody
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Values sealed under `LATCHKEY_SECRET`
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// SQL for a Cloudflare D1 database, to be run by wrangler
    #[command(subcommand)]
    D1(D1Command),
    /// Print the description of every route (OpenAPI 3.1)
    Openapi,
    /// Check the configuration and the data, and say each fix
    Doctor {
        /// Check a deployment over HTTP instead: https, headers, cookies, CORS, keys, clock, health
        #[arg(long, value_name = "URL", value_parser = base_url)]
        live: Option<Url>,
        /// An origin whose pages must be able to call the deployment; may be given several times
        #[arg(long = "origin", value_name = "ORIGIN", requires = "live")]
        origins: Vec<String>,
    },
    /// Ask a running server for its health, for the health check of a container
    Health {
        /// Where the server listens
        #[arg(long, default_value = "http://127.0.0.1:8787", value_name = "URL", value_parser = base_url)]
        url: Url,
    },
}

/// Reads the URL of a server: http or https, with nothing behind its path.
fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    match url.scheme() {
        "http" | "https" if is_plain => Ok(url),
        _ => Err("write it as https://auth.example.com".to_owned()),
    }
}

/// Where the data is.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// The folder that holds the database, the secret and the mailbox; only `serve` and `users add` make one
    #[arg(long, global = true, env = "LATCHKEY_DATA", default_value = "latchkey-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Whether it stands on the command line.
    #[arg(skip)]
    pub given: bool,
}

/// How to serve.
#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub listen: SocketAddr,
}

/// What to do with roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// Make the roles `user`, `content-editor` and `admin`, as far as they are missing
    Init {
        /// Restore them where they were changed, too
        #[arg(long)]
        repair: bool,
    },
    /// List the roles
    List,
    /// Make a role, or replace the whole of it
    Put {
        /// Its name
        role: RoleName,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A permission that it holds: resource:action, resource:* or *; may be given several times
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<Grant>,
        /// A role whose permissions it has as well; may be given several times
        #[arg(long = "include", value_name = "ROLE")]
        includes: Vec<RoleName>,
    },
    /// Delete a role
    Delete {
        /// Its name
        role: RoleName,
    },
}

/// What to do with users.
#[derive(Subcommand)]
pub enum UsersCommand {
    /// Make an account
    Add {
        /// The address to sign in with
        email: Email,
        /// What the person is called
        #[arg(long)]
        name: Option<Name>,
        /// A role to grant; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// Read the password from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts
    List,
    /// Grant a role
    Grant {
        /// Whose: a verified address, or an id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
        /// Which
        role: RoleName,
        /// Grant it by an address that nobody has proved to be theirs
        #[arg(long)]
        unverified: bool,
    },
    /// Take a role away
    Revoke {
        /// Whose
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
        /// Which
        role: RoleName,
    },
    /// Disable an account and end its sessions
    Disable {
        /// Whose
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
    /// Enable a disabled account
    Enable {
        /// Whose
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
    /// End the lock or the stop that wrong passwords led to
    Unlock {
        /// Whose
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
}

/// What to do with identities at providers.
#[derive(Subcommand)]
pub enum IdentitiesCommand {
    /// Count the identities of each provider and issuer
    List,
    /// Move the identities of a provider to an issuer that names every person as the former one did
    Move {
        /// The provider's name here, such as `oidc`
        provider: ProviderName,
        /// The issuer that they are of
        #[arg(long, value_name = "ISSUER")]
        from: Issuer,
        /// The issuer that they are to be of
        #[arg(long, value_name = "ISSUER")]
        to: Issuer,
    },
    /// Take the identities of a provider away, but where they are the only way in
    Drop {
        /// The provider's name here, such as `oidc`
        provider: ProviderName,
        /// The issuer that they are of
        #[arg(long, value_name = "ISSUER")]
        issuer: Issuer,
    },
}

/// What to print for D1.
#[derive(Subcommand)]
pub enum D1Command {
    /// Print what ends the lock or the stop that wrong passwords led to
    Unlock {
        /// Whose
        email: Email,
    },
    /// Print what makes the initial roles and the first admin, in a database that has neither
    FirstAdmin {
        /// The address they sign in with
        email: Email,
        /// What they are called
        #[arg(long)]
        name: Option<Name>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print what carries out a command of the operator on the rows that `wrangler d1 execute --json` gives on standard input
    Operate {
        /// The command, as the operator function takes it on AWS
        #[arg(value_name = "JSON", value_parser = json)]
        command: serde_json::Value,
    },
}

fn json(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// What to do with sessions.
#[derive(Subcommand)]
pub enum SessionsCommand {
    /// End every session, such as those that a restored backup brought back
    EndAll,
}

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Let the next key sign, and publish a new next one; tokens stay valid
    Rotate,
}

/// Commands about sealed values.
#[derive(Subcommand)]
pub enum SecretsCommand {
    /// Move everything that is stored sealed under the first secret of the list, so that the others can go
    Reseal,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::from(std::iter::once("latchkey").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_data_folder_stands_before_or_behind_the_command() {
        for line in [
            "--data here",
            "--data here serve",
            "serve --data here",
            "--data here users list",
            "users --data here list",
            "users list --data here",
            "users add a@example.com --data here --role admin",
        ] {
            let data = read(line).unwrap_or_else(|error| panic!("{line}: {error}")).data;
            assert_eq!((data.data.as_path(), data.given), (std::path::Path::new("here"), true), "{line}");
        }
        assert!(!read("users list").unwrap().data.given);
    }

    #[test]
    fn an_address_to_listen_on_is_for_the_server_alone() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(read("--listen 127.0.0.1:1").unwrap().serve.listen, address);
        let Some(Command::Serve(args)) = read("serve --listen 127.0.0.1:1").unwrap().command else {
            panic!()
        };
        assert_eq!(args.listen, address);
        for line in ["--listen 127.0.0.1:1 users list", "users list --listen 127.0.0.1:1"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}

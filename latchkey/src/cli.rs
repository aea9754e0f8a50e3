//! Command line.

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
    /// Command to run; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Location of the data.
    #[command(flatten)]
    pub data: DataArgs,
}

impl Cli {
    /// Reads the command line. Ends the process after a mistake or a request for help.
    pub fn read() -> Self {
        Self::from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn from(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(line)?;
        let given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if given("listen") && matches.subcommand_name().is_some() {
            let text = "`--listen` belongs after `serve`; write `latchkey serve --listen ADDR`";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.data.given = given("data");
        Ok(cli)
    }
}

/// Commands of `latchkey`.
#[derive(Subcommand)]
pub enum Command {
    /// Run the whole service on this machine
    Serve(ServeArgs),
    /// Manage role definitions
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Manage users and their roles
    #[command(subcommand)]
    Users(UsersCommand),
    /// Manage identities at providers
    #[command(subcommand)]
    Identities(IdentitiesCommand),
    /// Manage the sessions of all users
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Manage signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage the values sealed under `LATCHKEY_SECRET`
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Print SQL for a Cloudflare D1 database, for wrangler to run
    #[command(subcommand)]
    D1(D1Command),
    /// Print the description of every route (OpenAPI 3.1)
    Openapi,
    /// Check the configuration and the data, and print a fix for each problem
    Doctor {
        /// Check a deployment over HTTP instead: https, headers, cookies, CORS, keys, clock, health
        #[arg(long, value_name = "URL", value_parser = base_url)]
        live: Option<Url>,
        /// Origin whose pages must be able to call the deployment; may be repeated
        #[arg(long = "origin", value_name = "ORIGIN", requires = "live")]
        origins: Vec<String>,
    },
    /// Print the health of a running server, for the health check of a container
    Health {
        /// URL of the server; by default the one at the address that it listens on
        #[arg(long, value_name = "URL", value_parser = base_url)]
        url: Option<Url>,
        /// Address that the server listens on
        #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDR")]
        listen: SocketAddr,
    },
}

/// Parses the URL of a server: http or https, without user, query or fragment.
fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_plain = url.query().is_none() && url.fragment().is_none() && !has_user;
    match url.scheme() {
        "http" | "https" if is_plain => Ok(url),
        _ => Err("write it as https://auth.example.com".to_owned()),
    }
}

/// Location of the data.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Folder of the database, the secret and the mailbox; only `serve` and `users add` create one
    #[arg(long, global = true, env = "LATCHKEY_DATA", default_value = "latchkey-data", value_name = "DIR")]
    pub data: PathBuf,
    /// True if the command line gives it.
    #[arg(skip)]
    pub given: bool,
}

/// Options of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub listen: SocketAddr,
}

/// Commands for roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// Create the roles `user`, `content-editor` and `admin` if they are missing
    Init {
        /// Also restore roles that were changed
        #[arg(long)]
        repair: bool,
    },
    /// List the roles
    List,
    /// Create a role, or replace it as a whole
    Put {
        /// Name of the role
        role: RoleName,
        /// Purpose of the role
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Permission of the role: resource:action, resource:* or *; may be repeated
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<Grant>,
        /// Role whose permissions this role has too; may be repeated
        #[arg(long = "include", value_name = "ROLE")]
        includes: Vec<RoleName>,
    },
    /// Delete a role
    Delete {
        /// Name of the role
        role: RoleName,
    },
}

/// Commands for users.
#[derive(Subcommand)]
pub enum UsersCommand {
    /// Create an account
    Add {
        /// E-mail address for signing in
        email: Email,
        /// Display name
        #[arg(long)]
        name: Option<Name>,
        /// Role to grant; may be repeated
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
        /// Account, by verified address or by id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
        /// Name of the role
        role: RoleName,
        /// Accept an address that nobody has verified
        #[arg(long)]
        unverified: bool,
    },
    /// Revoke a role
    Revoke {
        /// Account, by address or by id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
        /// Name of the role
        role: RoleName,
    },
    /// Disable an account and end its sessions
    Disable {
        /// Account, by address or by id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
    /// Enable a disabled account
    Enable {
        /// Account, by address or by id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
    /// End the lock or the stop after wrong passwords
    Unlock {
        /// Account, by address or by id
        #[arg(value_name = "EMAIL|ID")]
        account: AccountName,
    },
}

/// Commands for identities at providers.
#[derive(Subcommand)]
pub enum IdentitiesCommand {
    /// Count the identities of each provider and issuer
    List,
    /// Move the identities of a provider to a new issuer, which must name every person as the previous one
    /// did
    Move {
        /// Name of the provider in the configuration, such as `oidc`
        provider: ProviderName,
        /// Current issuer of the identities
        #[arg(long, value_name = "ISSUER")]
        from: Issuer,
        /// New issuer of the identities
        #[arg(long, value_name = "ISSUER")]
        to: Issuer,
    },
    /// Delete the identities of a provider, except those that are an account's only way to sign in
    Drop {
        /// Name of the provider in the configuration, such as `oidc`
        provider: ProviderName,
        /// Issuer of the identities
        #[arg(long, value_name = "ISSUER")]
        issuer: Issuer,
    },
}

/// SQL to print for D1.
#[derive(Subcommand)]
pub enum D1Command {
    /// Print SQL that ends the lock or the stop after wrong passwords
    Unlock {
        /// E-mail address of the account
        email: Email,
    },
    /// Print SQL that creates the initial roles and the first admin, in a database that has neither
    FirstAdmin {
        /// E-mail address for signing in
        email: Email,
        /// Display name
        #[arg(long)]
        name: Option<Name>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print SQL for a command of the operator; standard input gives the rows from `wrangler d1 execute
    /// --json`
    Operate {
        /// The command, in the form of the operator function on AWS
        #[arg(value_name = "JSON", value_parser = json)]
        command: serde_json::Value,
    },
}

fn json(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// Commands for sessions.
#[derive(Subcommand)]
pub enum SessionsCommand {
    /// End every session, such as those that a restored backup brought back
    EndAll,
}

/// Commands for keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make the next key the signing key, and publish a new next key; tokens stay valid
    Rotate,
}

/// Commands for sealed values.
#[derive(Subcommand)]
pub enum SecretsCommand {
    /// Reseal all sealed values under the first secret of `LATCHKEY_SECRET`, so that the others can be
    /// removed
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

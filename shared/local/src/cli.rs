//! What the command line takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use latchkey_core::Email;
use latchkey_core::account::Name;
use latchkey_core::permission::RoleName;

/// Sign-in for people who run no servers.
#[derive(Parser)]
#[command(name = "latchkey", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For `serve`.
    #[command(flatten)]
    pub serve: ServeArgs,
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
    /// Signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// SQL for a Cloudflare D1 database, to be run by wrangler
    #[command(subcommand)]
    D1(D1Command),
    /// Print the description of every route (OpenAPI 3.1)
    Openapi,
    /// Check the configuration and the data, and say each mend
    Doctor(DataArgs),
    /// Run what stands in for DynamoDB and Upstash while functions are developed
    Services(ServicesArgs),
}

/// Where the data is.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// The folder that holds the database, the secret and the mailbox
    #[arg(long, env = "LATCHKEY_DATA", default_value = "latchkey-data", value_name = "DIR")]
    pub data: PathBuf,
}

/// How to serve.
#[derive(Args)]
pub struct ServeArgs {
    /// The address to listen on
    #[arg(long, env = "LATCHKEY_LISTEN", default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// What stands in for the cloud. All of it is for this machine only.
#[derive(Args)]
pub struct ServicesArgs {
    /// Where DynamoDB is to listen: a loopback address
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
    pub dynamodb: SocketAddr,
    /// Where Upstash's REST protocol is to listen: a loopback address
    #[arg(long, default_value = "127.0.0.1:8079", value_name = "ADDR")]
    pub upstash: SocketAddr,
    /// A Redis that runs already, instead of one that is started here
    #[arg(long, value_name = "ADDR")]
    pub redis: Option<SocketAddr>,
    /// Keep everything in this folder, instead of in memory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Write the environment into this file as well; lines of it that set something else stay
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// The table's name
    #[arg(long, default_value = "latchkey", value_name = "NAME")]
    pub table: String,
    /// Where the functions will be reached
    #[arg(long, default_value = "http://localhost:9000", value_name = "URL")]
    pub url: String,
}

/// What to do with roles.
#[derive(Subcommand)]
pub enum RolesCommand {
    /// Make the roles `user`, `content-editor` and `admin`, as far as they are missing
    Init(DataArgs),
    /// List the roles
    List(DataArgs),
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
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
    },
    /// List the accounts
    List(DataArgs),
    /// Grant a role
    Grant {
        /// Whose
        email: Email,
        /// Which
        role: RoleName,
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Take a role away
    Revoke {
        /// Whose
        email: Email,
        /// Which
        role: RoleName,
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Disable an account and end its sessions
    Disable {
        /// Whose
        email: Email,
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Enable a disabled account
    Enable {
        /// Whose
        email: Email,
        /// Where the data is.
        #[command(flatten)]
        data: DataArgs,
    },
}

/// What to print for D1.
#[derive(Subcommand)]
pub enum D1Command {
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
}

/// What to do with keys.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Let the next key sign, and publish a new next one; tokens stay valid
    Rotate(DataArgs),
}

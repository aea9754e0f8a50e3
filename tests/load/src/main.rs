//! Measures the release build of the local server beside a bare axum server and the argon2id floor, in one run, so that
//! the ratios hold on any machine.

#![expect(clippy::print_stderr, reason = "a program for people")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

mod cores;
mod decisions;
mod driver;
mod floor;
mod hello;
mod oha;
mod plan;
mod report;
mod scale;
mod scripts;
mod seed;
mod server;
mod setup;

/// Whatever ends a run early, in words for whoever started it.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the local server beside a bare axum server and the argon2id floor.
#[derive(Parser)]
#[command(name = "load", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    plan: plan::PlanArgs,
}

/// What the driver starts beside itself.
#[derive(Subcommand)]
enum Part {
    /// Serve a bare axum hello
    Hello {
        /// The address to listen on
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Make a database with many users
    Seed {
        /// How many
        #[arg(long)]
        users: u32,
        /// The data folder to make
        #[arg(long, value_name = "DIR")]
        data: std::path::PathBuf,
    },
    /// Measure the server with many users beside the server with few, and print a table
    Scale(scale::ScaleArgs),
    /// Compute argon2id hashes on every core given, and print how many there were each second
    Floor {
        /// For how long, in seconds
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.part {
        Some(Part::Hello { listen }) => hello::serve(*listen),
        Some(Part::Floor { seconds }) => floor::print(Duration::from_secs(*seconds)),
        Some(Part::Seed { users, data }) => seed::seed(*users, data),
        Some(Part::Scale(args)) => scale::run(args),
        None => plan::run(&cli.plan),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes the time that passes")]
fn now() -> Instant {
    Instant::now()
}

//! Runs the cases on platforms, and prints one table of what they saw.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use latchkey_e2e::failure::{Failure, Result};
use latchkey_e2e::place::Admin;
use latchkey_e2e::platform::existing::Existing;
use latchkey_e2e::platform::{self, NAMES, Platform};
use latchkey_e2e::report::Report;
use latchkey_e2e::run::{self, Plan};
use latchkey_e2e::table::Table;

/// Runs the same cases over HTTP on every platform, and compares what they saw.
#[derive(Parser)]
#[command(name = "latchkey-e2e", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Print the table of results that separate runs wrote
    Table {
        /// What `--json` wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the cases
    Cases,
}

#[derive(Args)]
struct RunArgs {
    /// The platforms to start, one after the other; the first is the reference
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    platforms: Vec<String>,
    /// Something that runs already, with limits out of the way
    #[arg(long = "url", value_name = "NAME=URL")]
    urls: Vec<String>,
    /// An administrator of what runs already; the password is read from `LATCHKEY_E2E_PASSWORD`
    #[arg(long, value_name = "EMAIL")]
    admin: Option<String>,
    /// Only the cases whose name holds this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// How many cases run at once
    #[arg(long, default_value_t = 4)]
    parallel: usize,
    /// Where to write the results
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Table { files }) => read(files).map(|reports| print(&reports)),
        Some(Command::Cases) => {
            for case in latchkey_e2e::cases::all() {
                println!("{}", case.name());
            }
            Ok(true)
        }
        None => run(&cli.run),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("latchkey-e2e: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &RunArgs) -> Result<bool> {
    let admin = args.admin.as_ref().map(|email| known_admin(email)).transpose()?;
    let mut platforms: Vec<Box<dyn Platform>> = Vec::new();
    for name in &args.platforms {
        platforms.push(platform::by_name(name)?);
    }
    for text in &args.urls {
        let (name, url) = text
            .split_once('=')
            .ok_or_else(|| Failure::from(format!("--url {text}: write NAME=http://127.0.0.1:8787")))?;
        platforms.push(Box::new(Existing {
            name: name.to_owned(),
            url: url.to_owned(),
            admin: admin.clone(),
        }));
    }
    if platforms.is_empty() {
        return Err(Failure::from(format!("say where: {}, or --url NAME=URL", NAMES.join(", "))));
    }
    let plan = Plan { parallel: args.parallel, only: args.only.clone() };
    let (mut reports, mut all_ran) = (Vec::new(), true);
    for platform in &platforms {
        eprintln!("running on {}", platform.name());
        match run::platform(&**platform, &plan) {
            Ok(report) => reports.push(report),
            // What the others say is still worth reading.
            Err(failure) => {
                eprintln!("latchkey-e2e: {}: {failure}", platform.name());
                all_ran = false;
            }
        }
    }
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&reports)?)?;
    }
    Ok(print(&reports) && all_ran)
}

fn known_admin(email: &str) -> Result<Admin> {
    let password = std::env::var("LATCHKEY_E2E_PASSWORD")
        .map_err(|_| Failure::from("--admin: put the password in LATCHKEY_E2E_PASSWORD".to_owned()))?;
    Ok(Admin { email: email.to_owned(), password })
}

fn read(files: &[PathBuf]) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for file in files {
        reports.extend(read_one(file).map_err(|failure| format!("{}: {failure}", file.display()))?);
    }
    Ok(reports)
}

fn read_one(file: &Path) -> Result<Vec<Report>> {
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// Whether all is well.
fn print(reports: &[Report]) -> bool {
    let table = Table::new(reports);
    print!("{table}");
    table.failures() == 0
}

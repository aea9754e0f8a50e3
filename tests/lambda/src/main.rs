//! Measures every function as Lambda runs it, beside a function on Node, and holds the figures against the budgets.
//!
//! `infra/measure-lambda` builds what this measures and runs it.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(clippy::expect_used, reason = "a measurement that cannot be made ends with the reason")]

mod functions;
mod sample;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use latchkey_aws::dynamodb::{self, Emulator};
use tokio::net::TcpListener;

use functions::Service;
use sample::Program;

/// Measures the functions.
#[derive(Parser)]
struct Arguments {
    /// The folder of the binaries.
    #[arg(long, default_value = "target/function")]
    binaries: PathBuf,
    /// The folder of the Node function, with its packages installed; without it only ours are measured.
    #[arg(long)]
    node: Option<PathBuf>,
    /// How many cold starts of each.
    #[arg(long, default_value_t = 11)]
    starts: usize,
    /// How many warm events after each start.
    #[arg(long, default_value_t = 20)]
    warm: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
    let emulator = Emulator::start(listener).expect("the emulator starts");
    let client = dynamodb::client(&dynamodb::DynamoDbSettings::emulated(emulator.endpoint()));
    dynamodb::create_table(&client, functions::TABLE).await.expect("the emulator makes a table");
    let variables = functions::variables(emulator.endpoint());

    let mut service = Service::default();
    let mut rows = Vec::new();
    for function in functions::functions().expect("the table of operations reads") {
        let program = Program::ours(&arguments.binaries.join(function.binary.as_ref()));
        rows.push(sample::row(&function, &program, &variables, &mut service, &arguments).await);
    }
    if let Some(node) = &arguments.node {
        let program = Program::node(&node.join("function.mjs"));
        rows.push(sample::row(&functions::ON_NODE, &program, &variables, &mut service, &arguments).await);
    }
    println!("{}", table::render(&rows));
    if rows.iter().all(table::Row::keeps_its_budgets) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

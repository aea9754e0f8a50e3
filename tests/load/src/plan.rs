//! The run: what is started, what is measured and in which order.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;

use crate::cores::Cores;
use crate::driver::{Script, Span, drive};
use crate::oha::{Oha, Request};
use crate::report::{Figures, Sample};
use crate::scripts::{get, post, refresh, same, sign_in, sign_up};
use crate::server::{Server, free_address};
use crate::setup::{self, Account, Accounts};
use crate::{Result, decisions, report};

const CHECK: &str = "/v1/permissions/check";
const SESSION: &str = "/v1/session";
const CHECK_BODY: &str = r#"{"permission":"products:read"}"#;
const STARTS: usize = 5;

/// How to measure.
#[derive(Args)]
pub struct PlanArgs {
    /// The server to measure; by default the `latchkey` beside this program
    #[arg(long, value_name = "FILE")]
    latchkey: Option<PathBuf>,
    /// How long each measurement counts, in seconds
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How long each measurement runs before it counts, in seconds
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// How often each is measured; the medians are shown
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// How many connections are used at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Only the measurements with this in their name, and what they are compared with; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

/// One line of the report.
struct Measure<'a> {
    name: &'static str,
    driver: Driver<'a>,
}

/// Who asks.
enum Driver<'a> {
    /// This program: a connection for each script.
    Own(&'a Server, Vec<Box<dyn Script>>),
    Oha(&'a Server, Oha, Request),
    /// Nobody: hashes alone, where the server would run.
    Floor(Command),
}

/// Measures and prints. What misses its budget is a failure.
pub fn run(args: &PlanArgs) -> Result<()> {
    let cores = Cores::split();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(args, &cores))
}

async fn measure(args: &PlanArgs, cores: &Cores) -> Result<()> {
    let this = std::env::current_exe()?;
    let latchkey = latchkey(args.latchkey.as_ref(), &this)?;
    let span =
        Span { warm_up: Duration::from_secs(args.warm_up), counted: Duration::from_secs(args.seconds) };

    let folder = tempfile::tempdir()?;
    let mut starts = Vec::new();
    // The first makes the database and the keys; the others find them.
    for _ in 0..STARTS {
        starts.push(start_latchkey(cores, &latchkey, folder.path()).await?.ready_after);
    }
    let service = start_latchkey(cores, &latchkey, folder.path()).await?;
    // Room for what only runs once after the start.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle_mb = service.resident_mb();
    let address = free_address().await?;
    let mut hello = cores.server_command(&this);
    let hello = Server::start(hello.args(["hello", "--listen", &address.to_string()]), address, "/").await?;
    let accounts = setup::accounts(service.address, args.connections).await?;

    let mut floor = cores.server_command(&this);
    floor.args(["floor", "--seconds", &args.seconds.to_string()]);
    let mut measures = measures(&service, &hello, &accounts, &Oha::beside(&this), floor);
    measures.retain(|measure| wanted(args, measure.name));
    let mut figures = Figures::default();
    for round in 1..=args.rounds {
        for measure in &mut measures {
            eprintln!("round {round} of {}: {}", args.rounds, measure.name);
            figures.add(measure.name, sample(measure, args.connections, span).await?);
        }
    }
    if wanted(args, report::DECISIONS) {
        figures.add(report::DECISIONS, Sample { rate: decisions::rate(span.counted)?, cpu: None });
    }
    let process = report::Process {
        first_start: starts.remove(0),
        later_starts: starts,
        idle_mb,
        loaded_mb: service.resident_mb(),
        binary_bytes: std::fs::metadata(&latchkey)?.len(),
    };
    println!("{}", cores.describe());
    println!(
        "{} connections, {} s after {} s of warm-up, medians of {}\n",
        args.connections, args.seconds, args.warm_up, args.rounds
    );
    let mut missed = Vec::new();
    for part in [report::rates(&figures), report::process(&process)] {
        print!("{}", part.text);
        missed.extend(part.missed);
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("over budget: {}", missed.join(", ")).into()) }
}

/// The budget lines in the order in which each round takes them. Those that are compared stand side by side, so that both
/// see the same machine.
fn measures<'a>(
    service: &'a Server,
    hello: &'a Server,
    accounts: &Accounts,
    oha: &Oha,
    floor: Command,
) -> Vec<Measure<'a>> {
    let each = |script: fn(&Account) -> Box<dyn Script>| accounts.signed_in.iter().map(script).collect();
    let measure = |name, server, scripts| Measure { name, driver: Driver::Own(server, scripts) };
    let token = accounts.signed_in.first().map(|account| account.access_token.clone());
    let by_oha = |name, server, path, body| Measure {
        name,
        driver: Driver::Oha(server, oha.clone(), Request { path, token: token.clone(), body }),
    };
    vec![
        by_oha(report::HELLO_BY_OHA, hello, "/", None),
        by_oha(report::SESSION_BY_OHA, service, SESSION, None),
        by_oha(report::HELLO_POST_BY_OHA, hello, "/", Some(CHECK_BODY)),
        by_oha(report::CHECK_BY_OHA, service, CHECK, Some(CHECK_BODY)),
        measure(report::HELLO, hello, each(|_| same(get("/", None), 200))),
        measure(report::CHECK, service, each(|a| same(post(CHECK, Some(&a.access_token), CHECK_BODY), 200))),
        measure(report::HELLO_POST, hello, each(|a| same(post("/", Some(&a.access_token), CHECK_BODY), 200))),
        measure(report::SESSION, service, each(|a| same(get(SESSION, Some(&a.access_token)), 200))),
        measure(
            report::AUTHORIZE,
            service,
            each(|a| same(get("/v1/authorize?permission=products:read", Some(&a.access_token)), 204)),
        ),
        measure(report::REFRESH, service, each(|a| refresh(a.refresh_token.clone()))),
        measure(report::SIGN_IN, service, accounts.signing_in.iter().map(sign_in).collect()),
        Measure { name: report::FLOOR, driver: Driver::Floor(floor) },
        measure(report::SIGN_UP, service, (0..accounts.signing_in.len()).map(sign_up).collect()),
    ]
}

async fn sample(measure: &mut Measure<'_>, connections: usize, span: Span) -> Result<Sample> {
    match &mut measure.driver {
        Driver::Own(server, scripts) => own(measure.name, server, scripts, span).await,
        Driver::Oha(server, oha, request) => oha.sample(server, request, connections, span),
        Driver::Floor(command) => Ok(Sample { rate: floor(command)?, cpu: None }),
    }
}

async fn own(name: &str, server: &Server, scripts: &mut Vec<Box<dyn Script>>, span: Span) -> Result<Sample> {
    let (mut before, mut after) = (None, None);
    let answers =
        drive(server.address, scripts, span, || before = server.cpu_time(), || after = server.cpu_time())
            .await?;
    if answers == 0 {
        return Err(format!("{name}: nothing was answered in time; measure for longer").into());
    }
    let seconds = span.counted.as_secs_f64();
    let cpu = before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64());
    Ok(Sample { rate: f64::from(answers) / seconds, cpu: cpu.map(|used| used / seconds) })
}

fn wanted(args: &PlanArgs, name: &str) -> bool {
    let named = |name: &str| args.only.is_empty() || args.only.iter().any(|text| name.contains(text));
    named(name) || report::compared_with(name).any(named)
}

/// The server to measure: the one that was named, else the one beside `this`.
pub fn latchkey(named: Option<&PathBuf>, this: &Path) -> Result<PathBuf> {
    let path = named.cloned().unwrap_or_else(|| this.with_file_name("latchkey"));
    let path = path.canonicalize().map_err(|error| {
        format!(
            "{} ({error}): build it with `cargo build --release`, or name it with --latchkey",
            path.display()
        )
    })?;
    Ok(path)
}

/// Starts the server over the database in `folder`, with its limits off.
pub async fn start_latchkey(cores: &Cores, latchkey: &Path, folder: &Path) -> Result<Server> {
    let address = free_address().await?;
    let mut command = cores.server_command(latchkey);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LATCHKEY_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", "--listen", &address.to_string(), "--data", "data"])
        .env("LATCHKEY_LIMITS", "off")
        // No `.env` of the project is read there.
        .current_dir(folder);
    Server::start(&mut command, address, "/health").await
}

/// The floor, computed by a process of its own where the server runs.
fn floor(command: &mut Command) -> Result<f64> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

//! The same requests with many users in the database as with few.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::Result;
use crate::cores::Cores;
use crate::driver::{Connection, Script, Span, drive};
use crate::plan::{latchkey, start_latchkey};
use crate::scripts::{credentials, get, member, post, refresh, same, sign_in};
use crate::seed::{self, ADMIN};
use crate::server::Server;
use crate::setup::{self, Account, Accounts};

/// The least that a rate with many users may be of the same with few.
const LEAST: f64 = 0.9;
const STARTS: usize = 5;
const CHECK: &str = "/v1/permissions/check";
const CHECK_BODY: &str = r#"{"permission":"products:read"}"#;

/// How to compare.
#[derive(Args)]
pub struct ScaleArgs {
    /// The server to measure; by default the `latchkey` beside this program
    #[arg(long, value_name = "FILE")]
    latchkey: Option<PathBuf>,
    /// How many users are many
    #[arg(long, default_value_t = 1_000_000)]
    users: u32,
    /// How many users are few
    #[arg(long, default_value_t = 1_000)]
    few: u32,
    /// Where the databases are kept from run to run; a temporary folder by default
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How long each measurement counts, in seconds
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often each is measured; the medians are shown
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// How many connections are used at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

/// A server over one of the databases, and what is asked of it.
struct Side {
    server: Server,
    starts: Vec<Duration>,
    measures: Vec<(&'static str, Vec<Box<dyn Script>>)>,
}

/// Measures both sides in turn and prints the table. A rate that is under the least is a failure.
pub fn run(args: &ScaleArgs) -> Result<()> {
    let cores = Cores::split();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(compare(args, &cores))
}

async fn compare(args: &ScaleArgs, cores: &Cores) -> Result<()> {
    let this = std::env::current_exe()?;
    let program = latchkey(args.latchkey.as_ref(), &this)?;
    let temporary = tempfile::tempdir()?;
    let kept = args.keep.as_deref().unwrap_or(temporary.path());
    let mut sides = Vec::new();
    for users in [args.few, args.users] {
        let folder = kept.join(format!("{users}-users"));
        if !folder.join("data").exists() {
            eprintln!("seeding {users} users");
            seed::fill(users, &folder.join("data")).await?;
        }
        sides.push(side(args, cores, &program, &folder).await?);
    }
    let span = Span { warm_up: Duration::from_secs(1), counted: Duration::from_secs(args.seconds) };
    let names: Vec<&'static str> =
        sides.iter().flat_map(|side| side.measures.iter().map(|(name, _)| *name)).take(7).collect();
    let mut rates: Vec<Vec<(f64, f64)>> = names.iter().map(|_| Vec::new()).collect();
    for round in 1..=args.rounds {
        for ((number, name), rates) in names.iter().enumerate().zip(&mut rates) {
            eprintln!("round {round} of {}: {name}", args.rounds);
            let mut pair = [0.0; 2];
            let mut in_turn: Vec<_> = sides.iter_mut().zip(&mut pair).collect();
            // Each side goes first every other time, so that a drift of the machine favours neither.
            if round % 2 == 0 {
                in_turn.reverse();
            }
            for (side, rate) in in_turn {
                let address = side.server.address;
                let Some((_, scripts)) = side.measures.get_mut(number) else { continue };
                let answers = drive(address, scripts, span, || (), || ()).await?;
                *rate = f64::from(answers) / span.counted.as_secs_f64();
            }
            rates.push((pair[0], pair[1]));
        }
    }
    print(args, cores, &names, &rates, &sides)
}

async fn side(args: &ScaleArgs, cores: &Cores, program: &Path, folder: &Path) -> Result<Side> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(start_latchkey(cores, program, folder).await?.ready_after);
    }
    starts.sort_unstable();
    let server = start_latchkey(cores, program, folder).await?;
    let mut connection = Connection::open(server.address).await?;
    let admin = post("/v1/signin", None, &credentials(ADMIN));
    let token = member(connection.exchange(admin.as_bytes()).await?.body, "access_token")?;
    let Accounts { signed_in, signing_in } = setup::accounts(server.address, args.connections).await?;
    // A page from the middle: the cursor is a place, and as near as the first.
    let page = get("/v1/users?limit=1", Some(&token));
    let first = member(connection.exchange(page.as_bytes()).await?.body, "next")?;
    let each = |script: &dyn Fn(&Account) -> Box<dyn Script>| signed_in.iter().map(script).collect();
    let by_admin = |path: &str| -> Vec<Box<dyn Script>> {
        signed_in.iter().map(|_| same(get(path, Some(&token)), 200)).collect()
    };
    let measures = vec![
        ("permission check", each(&|a| same(post(CHECK, Some(&a.access_token), CHECK_BODY), 200))),
        ("session", each(&|a| same(get("/v1/session", Some(&a.access_token)), 200))),
        ("refresh", each(&|a| refresh(a.refresh_token.clone()))),
        ("sign-in", signing_in.iter().map(sign_in).collect()),
        ("GET /v1/users", by_admin("/v1/users?limit=50")),
        ("GET /v1/users, the next page", by_admin(&format!("/v1/users?limit=50&cursor={first}"))),
        ("GET /v1/audit", by_admin("/v1/audit?limit=50")),
    ];
    Ok(Side { server, starts, measures })
}

fn print(
    args: &ScaleArgs,
    cores: &Cores,
    names: &[&'static str],
    rates: &[Vec<(f64, f64)>],
    sides: &[Side],
) -> Result<()> {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let mut text = format!(
        "{}\n{} connections, {} s each, medians of {}\n\n",
        cores.describe(),
        args.connections,
        args.seconds,
        args.rounds
    );
    let _ = writeln!(text, "| | {} users | {} users | ratio |\n|---|---|---|---|", args.few, args.users);
    let mut missed = Vec::new();
    for (name, rates) in names.iter().zip(rates) {
        let few = median(rates.iter().map(|(few, _)| *few).collect());
        let many = median(rates.iter().map(|(_, many)| *many).collect());
        let ratio = median(rates.iter().map(|(few, many)| many / few).collect());
        missed.extend((ratio < LEAST).then_some(*name));
        let _ = writeln!(text, "| {name}, a second | {few:.0} | {many:.0} | {ratio:.3} |");
    }
    let starts: Vec<f64> = sides
        .iter()
        .map(|side| side.starts.get(side.starts.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3)
        .collect();
    if let [few, many] = starts.as_slice() {
        missed.extend((few / many < LEAST).then_some("start"));
        let _ = writeln!(text, "| start to first answer, ms | {few:.1} | {many:.1} | {:.3} |", few / many);
    }
    print!("{text}");
    if missed.is_empty() { Ok(()) } else { Err(format!("over 10 % behind: {}", missed.join(", ")).into()) }
}

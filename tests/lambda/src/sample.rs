#![expect(clippy::print_stderr, reason = "a program for people")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use latchkey_lambda::{FunctionProcess, RuntimeApi, What};

use crate::Arguments;
use crate::functions::{Function, Service};
use crate::table::Row;

/// What is started.
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

impl Program {
    /// A binary of ours.
    pub fn ours(path: &Path) -> Self {
        Self { path: path.to_owned(), arguments: Vec::new() }
    }

    /// A script for Node.
    pub fn node(script: &Path) -> Self {
        Self { path: PathBuf::from("node"), arguments: vec![script.display().to_string()] }
    }
}

/// The times of one start.
struct Start {
    ready: Duration,
    first: Duration,
    warm: Vec<Duration>,
    peak: Option<u64>,
}

/// Starts `program` as often as asked, and takes the medians.
pub async fn row(
    function: &Function,
    program: &Program,
    variables: &[(String, String)],
    service: &mut Service,
    arguments: &Arguments,
) -> Row {
    let mut starts = Vec::new();
    for _ in 0..arguments.starts.max(1) {
        starts.push(start(function, program, variables, service, arguments.warm.max(1)).await);
    }
    Row {
        name: function.binary.clone(),
        route: function.route,
        size: function.size.map(|_| std::fs::metadata(&program.path).map_or(0, |file| file.len())),
        size_budget: function.size,
        ready: median(starts.iter().map(|start| start.ready)),
        fastest: starts.iter().map(|start| start.ready).min().unwrap_or_default(),
        first: median(starts.iter().map(|start| start.first)),
        warm: median(starts.iter().flat_map(|start| start.warm.iter().copied())),
        peak: starts.iter().filter_map(|start| start.peak).max(),
    }
}

async fn start(
    function: &Function,
    program: &Program,
    variables: &[(String, String)],
    service: &mut Service,
    warm: usize,
) -> Start {
    let mut api = RuntimeApi::start().await;
    let program_arguments: Vec<&str> = program.arguments.iter().map(String::as_str).collect();
    let process = FunctionProcess::start(&program.path, &program_arguments, &api.address(), variables);
    let heard = api.hear().await;
    assert_eq!(heard.what, What::Next, "{} does not start", function.binary);
    let ready = heard.at - process.started;
    let first = event(&mut api, function, service).await;
    let mut times = Vec::new();
    for _ in 0..warm {
        times.push(event(&mut api, function, service).await);
    }
    let peak = process.peak_memory();
    process.stop().await;
    Start { ready, first, warm: times, peak }
}

/// From the event until its answer, and then until the function asks for the next one.
async fn event(api: &mut RuntimeApi, function: &Function, service: &mut Service) -> Duration {
    let event = service.event(function);
    #[expect(clippy::disallowed_methods, reason = "what is measured is the machine's time")]
    let given = std::time::Instant::now();
    api.give(&event);
    let heard = api.hear().await;
    let What::Response(answer) = heard.what else {
        unreachable_answer(function, &heard.what);
    };
    if let Err(why) = service.learn(function.call, &answer) {
        unreachable_answer(function, &why);
    }
    assert_eq!(api.hear().await.what, What::Next);
    heard.at - given
}

fn unreachable_answer(function: &Function, what: &dyn std::fmt::Debug) -> ! {
    eprintln!("measure-lambda: {} {}: {what:?}", function.binary, function.route);
    std::process::exit(1)
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

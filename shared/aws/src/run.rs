use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::Runtime;
use latchkey_core::config::ConfigError;
use latchkey_http::{App, Function};
use serde_json::Value;

use crate::direct::Direct;
use crate::entry::Entry;
use crate::live::{Live, Make};
use crate::ports::Platform;
use crate::settings::{Mistakes, Var};
use crate::{log, runtime_api};

/// Address of the Runtime API. Only Lambda sets it.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves `function` to Lambda until the container ends.
///
/// Everything is created once, before the first event, and nothing connects before it is used. A failed start
/// logs a line for each wrong variable, with the fix, and reports the failure to Lambda.
pub fn run(function: Function) -> ExitCode {
    let make: Make<_> = Box::new(move |app, _| Ok(latchkey_http::app(function.clone(), app)));
    start(make, |live| Runtime::new(Entry::new(live)).run())
}

/// Serves a function that is not called over HTTP: `make` builds the value that `answer` gets with each
/// event. IAM decides who may send events.
pub fn run_direct<T, F, E>(
    make: impl Fn(App, &dyn Fn(&str) -> Option<String>) -> Result<T, ConfigError> + Send + Sync + 'static,
    answer: impl Fn(T, Value) -> F + Clone + Send + Sync + 'static,
) -> ExitCode
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<Value, E>> + Send + 'static,
    E: Display + 'static,
{
    let make: Make<T> = Box::new(move |app, var| make(app, var).map_err(|error| vec![error]));
    start(make, |live| Runtime::new(Direct::new(live, answer)).run())
}

fn start<T, R>(make: Make<T>, serve: impl FnOnce(Live<T>) -> R) -> ExitCode
where
    T: Clone,
    R: Future<Output = Result<(), lambda_runtime::Error>>,
{
    let var: Var = Arc::new(|name| std::env::var(name).ok());
    let Some(runtime_api) = var(RUNTIME_API) else {
        // If standard error cannot be written either, the message is lost.
        let _ = writeln!(
            std::io::stderr(),
            "latchkey: this program is a Lambda function, and {RUNTIME_API} is not set; run it with `cargo lambda watch`, or \
             run `latchkey serve` instead"
        );
        return ExitCode::FAILURE;
    };
    log::init(&*var);
    // One thread is enough, because a container serves one event at a time.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(make_and_serve(make, serve, var, &runtime_api)),
        Err(error) => {
            tracing::error!(%error, "the async runtime could not start");
            ExitCode::FAILURE
        }
    }
}

async fn make_and_serve<T, R>(
    make: Make<T>,
    serve: impl FnOnce(Live<T>) -> R,
    var: Var,
    runtime_api: &str,
) -> ExitCode
where
    T: Clone,
    R: Future<Output = Result<(), lambda_runtime::Error>>,
{
    let platform = Platform::new(Arc::clone(&var));
    let fetch = Arc::clone(&platform.aws.fetch);
    let started = match Mistakes::of_environment(std::env::vars_os()) {
        Ok(()) => Live::start(make, platform, var).await,
        Err(mistakes) => Err(mistakes),
    };
    let live = match started {
        Ok(live) => live,
        Err(mistakes) => {
            report(&mistakes);
            runtime_api::cannot_start(&*fetch, runtime_api, &mistakes.to_string()).await;
            return ExitCode::FAILURE;
        }
    };
    match serve(live).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the Runtime API is gone");
            ExitCode::FAILURE
        }
    }
}

fn report(mistakes: &Mistakes) {
    for line in mistakes.lines() {
        tracing::error!("{line}");
    }
}

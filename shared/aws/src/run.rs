use std::process::ExitCode;
use std::sync::Arc;

use lambda_runtime::Runtime;
use latchkey_http::{App, Function};

use crate::entry::Entry;
use crate::live::Live;
use crate::ports::Platform;
use crate::settings::{Mistakes, Var};
use crate::{log, runtime_api};

/// Where the Runtime API is; Lambda sets it, and nothing else does.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves `function` to Lambda until the container ends.
///
/// Everything is made once, before the first event, and nothing connects before it is used. A start that fails logs a line
/// for each variable that is wrong, with the mend, and tells Lambda.
pub fn run(function: Function<App>) -> ExitCode {
    let var: Var = Arc::new(|name| std::env::var(name).ok());
    let Some(runtime_api) = var(RUNTIME_API) else {
        eprintln!(
            "latchkey: this program is a Lambda function, and {RUNTIME_API} is not set; run it with `cargo lambda watch`, or \
             run `latchkey serve` instead"
        );
        return ExitCode::FAILURE;
    };
    log::init(&*var);
    // One thread: a container serves one event at a time.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(function, var, &runtime_api)),
        Err(error) => {
            tracing::error!(%error, "the async runtime could not start");
            ExitCode::FAILURE
        }
    }
}

async fn serve(function: Function<App>, var: Var, runtime_api: &str) -> ExitCode {
    let platform = Platform::new(Arc::clone(&var));
    let fetch = Arc::clone(&platform.aws.fetch);
    let live = match Live::start(function, platform, var).await {
        Ok(live) => live,
        Err(mistakes) => {
            report(&mistakes);
            runtime_api::cannot_start(&*fetch, runtime_api, &mistakes.to_string()).await;
            return ExitCode::FAILURE;
        }
    };
    match Runtime::new(Entry::new(live)).run().await {
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

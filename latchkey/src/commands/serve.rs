use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use latchkey_core::Services;
use latchkey_core::log::{Filter, tell_ignored};
use latchkey_core::permission::{Admins, Versioned};
use latchkey_http::App;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Failure, say};
use crate::cli::{DataArgs, ServeArgs};
use crate::data::Missing;
use crate::pages;
use crate::serve::{self, Serving};
use crate::service::{self, Local};

/// Serves until the process is told to stop.
pub(super) fn run(args: &ServeArgs, data: &DataArgs) -> Result<ExitCode, Failure> {
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = serve::listen(args.listen).await?;
        let (made, local) = service::open(data, Missing::Make, listener.local_addr()?)?;
        prepare(&local.services).await?;
        let stop = serve::stop_asked()?;
        let greeting = greeting(&local, data).await?;
        made.keep();
        say(greeting);
        let clock = Arc::clone(&local.services.ports.clock);
        tokio::spawn(serve::purge(Arc::clone(&local.table), clock));
        let pages = pages::routes(&local.services.config, latchkey_all::OPENAPI);
        let app = latchkey_http::app(latchkey_all::function().with_pages(pages), App::new(local.services));
        let middleware = app.clone();
        let serving = Serving {
            connections: local.connections,
            timeouts: local.timeouts,
            ..Serving::new(move |problem| middleware.refuse(problem))
        };
        serve::serve(listener, app, serving, stop).await;
        say("Stopped.");
        Ok(ExitCode::SUCCESS)
    })
}

/// Loads the keys and the initial roles, so that the first request need not wait for them.
async fn prepare(services: &Services) -> Result<(), Failure> {
    services.keys.jwks().await?;
    if services.roles.load_fresh().await?.value.roles().is_empty() {
        services.roles.init().await?;
    }
    Ok(())
}

async fn greeting(local: &Local, data: &DataArgs) -> Result<String, Failure> {
    let url = local.services.config.url.as_str();
    let mut text = format!(
        "Latchkey is at      {url}\nReference           {url}/docs\nData                {}\n",
        local.data.path().display()
    );
    let now = local.services.ports.clock.now();
    let item = local.services.ports.table.get(&[Admins::key()], now).await?.pop().flatten();
    if Versioned::<Admins>::read(item.as_ref())?.value.users().is_empty() {
        let _ = writeln!(text, "Make the first admin with\n    {}", first_admin(data));
    }
    text.push_str("Stop with Ctrl-C.");
    Ok(text)
}

/// Returns the command that creates the first admin, in the syntax of the current shell.
fn first_admin(data: &DataArgs) -> String {
    // The program is named as it was started, so that the line works even if `latchkey` is not on the path.
    let program = std::env::args().next().unwrap_or_else(|| "latchkey".to_owned());
    let mut line = quoted(&program);
    // If a variable names the folder, the command sees that variable too.
    if data.given {
        line.extend([" --data ", &quoted(&data.data.to_string_lossy())]);
    }
    line.push_str(" users add you@example.com --role admin");
    line
}

/// Returns a text as one word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn log_to_stderr() {
    let variable = std::env::var("LATCHKEY_LOG").ok();
    let (filter, ignored) = Filter::read(variable.as_deref());
    let most = filter.most();
    let filter =
        filter_fn(move |about| filter.takes(about.target(), *about.level())).with_max_level_hint(most);
    let format = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colors())
        // A line that cannot be written is lost. The layer would report it by a macro that panics if standard
        // error cannot be written either.
        .log_internal_errors(false);
    // An error means that the process already has a logger.
    if tracing_subscriber::registry().with(filter).with(format).try_init().is_ok() {
        tell_ignored("LATCHKEY_LOG", &ignored);
    }
}

/// Returns true if the log has colours: on a terminal whose owner did not opt out (<https://no-color.org>).
fn has_colors() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

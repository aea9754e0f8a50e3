use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use latchkey_core::permission::{Admins, Versioned};

use super::{Failure, default_listen, say};
use crate::cli::DataArgs;
use crate::data::Missing;
use crate::service::{self, Local, StartError};
use crate::settings::SettingsError;

/// How long the running server gets to answer.
const DEADLINE: Duration = Duration::from_secs(3);

/// What was found: good, or wrong with its fix.
struct Findings {
    wrong: usize,
}

impl Findings {
    fn wrong(&mut self, what: impl std::fmt::Display) {
        self.wrong += 1;
        say(format_args!("wrong {what}"));
    }
}

fn good(what: &str) {
    say(format_args!("ok    {what}"));
}

/// Checks the configuration and the data.
pub(super) fn run(data: &DataArgs) -> Result<ExitCode, Failure> {
    let mut findings = Findings { wrong: 0 };
    match service::open(data, Missing::Refuse, default_listen()) {
        Ok((made, local)) => {
            made.keep();
            good("the configuration");
            good(&format!("the data folder {}", local.data.path().display()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(examine(&local, &mut findings));
        }
        Err(StartError::Settings(SettingsError::Config(errors))) => {
            for error in errors {
                findings.wrong(error);
            }
        }
        Err(error) => findings.wrong(error),
    }
    Ok(if findings.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(local: &Local, findings: &mut Findings) {
    match local.table.driver().quick_check() {
        Ok(()) => good("the database is whole"),
        Err(error) => findings.wrong(error),
    }
    match local.services.keys.jwks().await {
        Ok(_) => good("the signing keys open with LATCHKEY_SECRET"),
        Err(error) => findings.wrong(error),
    }
    roles(local, findings).await;
    server(local, findings).await;
}

async fn roles(local: &Local, findings: &mut Findings) {
    match local.services.roles.load_fresh().await {
        Ok(read) if read.value.roles().is_empty() => {
            findings.wrong("there are no roles, so nobody may do anything: run `latchkey roles init`");
        }
        Ok(_) => good("the roles"),
        Err(error) => findings.wrong(error),
    }
    let now = local.services.ports.clock.now();
    let admins = match local.services.ports.table.get(&[Admins::key()], now).await {
        Ok(mut items) => Versioned::<Admins>::read(items.pop().flatten().as_ref()),
        Err(error) => Err(error),
    };
    match admins {
        Ok(admins) if admins.value.users().is_empty() => {
            findings.wrong("there is no admin: run `latchkey users add you@example.com --role admin`");
        }
        Ok(_) => good("there is an admin"),
        Err(error) => findings.wrong(error),
    }
}

/// A server that does not run is no fault; one that runs and is ill is.
async fn server(local: &Local, findings: &mut Findings) {
    let url = format!("{}/health", local.services.config.url.as_str());
    let request = match http::Request::get(&url).body(Bytes::new()) {
        Ok(request) => request,
        Err(error) => return findings.wrong(format!("LATCHKEY_URL cannot be asked: {error}")),
    };
    match local.services.ports.fetch.fetch(request, DEADLINE).await {
        Ok(answer) if answer.status().is_success() => good(&format!("a server answers at {url}")),
        Ok(answer) => {
            findings.wrong(format!("{url} answers {}: see that server's log", answer.status()));
        }
        Err(_) => good(&format!("no server runs at {url}; start it with `latchkey serve`")),
    }
}

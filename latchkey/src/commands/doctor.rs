use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use latchkey_core::permission::{Admins, Versioned};

use super::findings::Findings;
use super::{Failure, default_listen};
use crate::cli::DataArgs;
use crate::data::Missing;
use crate::service::{self, Local, StartError};
use crate::settings::SettingsError;

/// Time that the running server has to respond.
const DEADLINE: Duration = Duration::from_secs(3);

/// Checks the configuration and the data.
pub(super) fn run(data: &DataArgs) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    match service::open(data, Missing::Refuse, default_listen()) {
        Ok((made, local)) => {
            made.keep();
            findings.good("the configuration");
            findings.good(format!("the data folder {}", local.data.path().display()));
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
    Ok(findings.exit_code())
}

async fn examine(local: &Local, findings: &mut Findings) {
    match local.table.driver().quick_check() {
        Ok(()) => findings.good("the database passes its integrity check"),
        Err(error) => findings.wrong(error),
    }
    secrets(local, findings).await;
    addresses(local, findings);
    roles(local, findings).await;
    server(local, findings).await;
}

/// Checks the signing keys and all other sealed values.
async fn secrets(local: &Local, findings: &mut Findings) {
    let keys = &local.services.keys;
    let opened = match keys.jwks().await {
        Ok(_) => keys.signer().await.map(drop),
        Err(error) => Err(error),
    };
    match opened {
        Ok(()) => findings.good("the signing keys open with LATCHKEY_SECRET"),
        Err(error) => findings.wrong(error),
    }
    let secrets = &local.services.secrets;
    match secrets.count().await {
        Ok(count) if count.unreadable > 0 => findings.wrong(format!(
            "{} password hashes or tokens of providers do not open with LATCHKEY_SECRET: add the secret that they were sealed under, \
             behind the first one, separated by a comma",
            count.unreadable
        )),
        Ok(count) if secrets.is_rotating() && count.older > 0 => findings.good(format!(
            "{} stored values need an older secret of LATCHKEY_SECRET: when every process has the list, `latchkey secrets reseal` \
             moves them",
            count.older
        )),
        Ok(_) if secrets.is_rotating() => findings.good(
            "no password hash needs an older secret of LATCHKEY_SECRET: it can go 7 days after the first one came first, when \
             `latchkey secrets reseal` has run",
        ),
        Ok(count) => findings.good(format!("{} stored values are sealed under LATCHKEY_SECRET", count.current)),
        Err(error) => findings.wrong(error),
    }
}

/// Reports the source of client addresses: a wrong number of proxies lets clients forge theirs.
fn addresses(local: &Local, findings: &Findings) {
    let config = &local.services.config;
    match (config.trusted_proxies, &config.cdn_secret) {
        (0, _) => {
            findings.good("a client's address is that of its connection; behind a proxy set LATCHKEY_TRUSTED_PROXIES");
        }
        (proxies, Some(_)) => findings.good(format!(
            "a client's address is entry {proxies} from the end of X-Forwarded-For, where LATCHKEY_CDN_SECRET comes with it"
        )),
        (proxies, None) => findings.good(format!(
            "a client's address is entry {proxies} from the end of X-Forwarded-For: the server must be reached through these proxies \
             alone; behind a CDN, and on Lambda, set LATCHKEY_CDN_SECRET"
        )),
    }
}

async fn roles(local: &Local, findings: &mut Findings) {
    match local.services.roles.load_fresh().await {
        Ok(read) if read.value.roles().is_empty() => {
            findings.wrong("there are no roles, so nobody has any permission; run `latchkey roles init`");
        }
        Ok(_) => findings.good("the roles"),
        Err(error) => findings.wrong(error),
    }
    let now = local.services.ports.clock.now();
    let admins = match local.services.ports.table.get(&[Admins::key()], now).await {
        Ok(mut items) => Versioned::<Admins>::read(items.pop().flatten().as_ref()),
        Err(error) => Err(error),
    };
    match admins {
        Ok(admins) if admins.value.users().is_empty() => {
            findings.wrong("there is no admin; run `latchkey users add you@example.com --role admin`");
        }
        Ok(_) => findings.good("there is an admin"),
        Err(error) => findings.wrong(error),
    }
}

/// Checks the running server. A stopped server is fine; a running server with a failure is not.
async fn server(local: &Local, findings: &mut Findings) {
    let url = format!("{}/health", local.services.config.url.as_str());
    let request = match http::Request::get(&url).body(Bytes::new()) {
        Ok(request) => request,
        Err(error) => return findings.wrong(format!("no request to LATCHKEY_URL can be made: {error}")),
    };
    match local.services.ports.fetch.fetch(request, DEADLINE).await {
        Ok(answer) if answer.status().is_success() => findings.good(format!("a server responds at {url}")),
        Ok(answer) => {
            findings.wrong(format!("{url} responds {}; see that server's log", answer.status()));
        }
        Err(_) => findings.good(format!("no server runs at {url}; start it with `latchkey serve`")),
    }
}

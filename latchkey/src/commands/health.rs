use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;

use super::{Failure, say};

/// Time limit for the response.
const DEADLINE: Duration = Duration::from_secs(3);

/// Requests the health of the server at `url`, prints the response, and returns 1 unless the server is
/// healthy.
pub(super) fn run(url: &str) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let health = format!("{}/health", url.trim_end_matches('/'));
    let request = Request::get(&health).body(Bytes::new())?;
    let response = runtime
        .block_on(HttpFetch::new().fetch(request, DEADLINE))
        .map_err(|error| format!("{url} does not respond: {error}"))?;
    let text = String::from_utf8_lossy(response.body());
    say(text.chars().filter(|c| !c.is_control()).collect::<String>());
    Ok(if response.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the URL of a server that listens on `address`, for a client on the same machine.
pub(super) fn url_at(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        for (listen, url) in [
            ("0.0.0.0:8787", "http://127.0.0.1:8787"),
            ("[::]:80", "http://[::1]:80"),
            ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(url_at(listen.parse().unwrap()), url);
        }
    }
}

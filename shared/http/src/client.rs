use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use latchkey_core::Config;
use latchkey_core::audit::{Requester, UserAgent};
use latchkey_core::config::CdnSecret;
use latchkey_core::limit::ClientAddress;

use crate::{App, Problem};

/// Returns the names of the headers that a request's [`ClientInfo`] is read from. Headers of proxies count
/// only if proxies are configured.
pub(crate) fn headers(config: &Config) -> Vec<HeaderName> {
    let forwarded = (config.trusted_proxies > 0).then(|| HeaderName::from_static("x-forwarded-for"));
    let cdn = config.cdn_secret.is_some().then(|| HeaderName::from_static(CdnSecret::HEADER));
    [Some(USER_AGENT), forwarded, cdn].into_iter().flatten().collect()
}

/// Address of the connection's other end, as the platform reports it. The entry stores it in the request's
/// extensions.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// The client that a request came from. Its address is always known.
pub struct ClientInfo {
    /// The client's address.
    pub address: ClientAddress,
    /// Client address and user agent, for the audit log.
    pub requester: Requester,
}

impl FromRequestParts<App> for ClientInfo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Self::read(&parts.headers, parts.extensions.get().copied(), &app.services().config)
    }
}

impl ClientInfo {
    /// Reads the client of a request from its headers and the address of its connection.
    pub(crate) fn read(
        headers: &HeaderMap,
        peer: Option<PeerAddress>,
        config: &Config,
    ) -> Result<Self, Problem> {
        // A request without an address is refused, because a rate limit cannot count it.
        let unknown = |why: String| {
            tracing::error!(%why, "a client's address is unknown: check LATCHKEY_TRUSTED_PROXIES");
            Problem::new(
                StatusCode::BAD_REQUEST,
                "address_unknown",
                "the client's address is unknown; the operator must check LATCHKEY_TRUSTED_PROXIES",
            )
        };
        let PeerAddress(peer) = peer.ok_or_else(|| unknown("the platform reports none".to_owned()))?;
        let forwarded = headers.get_all("x-forwarded-for").iter();
        let trusted_proxies = if came_by_proxies(headers, config) { config.trusted_proxies } else { 0 };
        let address = ClientAddress::forwarded(peer, forwarded, trusted_proxies)
            .map_err(|error| unknown(error.to_string()))?;
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(UserAgent::new);
        Ok(Self { requester: Requester { address: Some(address), user_agent }, address })
    }
}

/// Returns true if a request came through the trusted proxies. With a CDN secret configured, a request
/// without the secret bypassed the proxies, so the connection's other end is the client.
fn came_by_proxies(headers: &HeaderMap, config: &Config) -> bool {
    let Some(secret) = &config.cdn_secret else { return true };
    let mut values = headers.get_all(CdnSecret::HEADER).iter();
    matches!((values.next(), values.next()), (Some(value), None) if secret.is(value.as_bytes()))
}

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use latchkey_core::Config;
use latchkey_core::audit::{Requester, UserAgent};
use latchkey_core::limit::ClientAddress;

use crate::Problem;

/// The other end of the connection, as the platform tells it; the entry puts it among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

/// Where the request came from: the address is certain to be there.
pub struct From {
    /// The client's address.
    pub address: ClientAddress,
    /// For the audit log.
    pub requester: Requester,
}

impl<S> FromRequestParts<S> for From
where
    S: Send + Sync,
    Arc<Config>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // A limit that is counted for nobody is no limit, so a request without an address is refused.
        let unknown = |why: String| {
            tracing::error!(%why, "a client's address is unknown: check LATCHKEY_TRUSTED_PROXIES");
            Problem::new(StatusCode::BAD_REQUEST, "address_unknown", "the client's address could not be told")
        };
        let PeerAddress(peer) =
            *parts.extensions.get().ok_or_else(|| unknown("the platform gave none".to_owned()))?;
        let config = Arc::<Config>::from_ref(state);
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let address = ClientAddress::forwarded(peer, forwarded, config.trusted_proxies)
            .map_err(|error| unknown(error.to_string()))?;
        let user_agent =
            parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(UserAgent::new);
        Ok(Self { requester: Requester { address: Some(address), user_agent }, address })
    }
}

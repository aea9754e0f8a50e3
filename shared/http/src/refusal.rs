//! Audit events of refusals.
//!
//! The middleware examines each problem before it is sent, so no handler can forget to record a refusal. A
//! handler must call [`Problem::noted`] to keep one out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::audit::{Action, Refusal, Refusals, Requester};

use crate::Problem;
use crate::client::{ClientInfo, PeerAddress};

/// Maximum length of the path in an event, in bytes. Paths of refused requests are ASCII, because other paths
/// reach no route.
const MAX_PATH: usize = 256;

/// Parts of a request that the audit event of its refusal needs, stored while the request is served.
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    peer: Option<PeerAddress>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Asked {
    /// Stores what identifies the client of `request`, including its headers that are `named`. It costs only
    /// a few reference counts, because every request pays for it.
    pub(crate) fn of<B>(request: &Request<B>, named: &[HeaderName]) -> Self {
        let mut headers = Vec::new();
        for name in named {
            let values = request.headers().get_all(name);
            headers.extend(values.iter().map(|value| (name.clone(), value.clone())));
        }
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: request.extensions().get().copied(),
            headers,
        }
    }

    /// Returns the client of the request, as far as it is known.
    fn requester(&self, config: &Config) -> Requester {
        let mut headers = HeaderMap::new();
        headers.extend(self.headers.iter().cloned());
        let client = ClientInfo::read(&headers, self.peer, config);
        client.map_or_else(|_| Requester::default(), |client| client.requester)
    }
}

/// The problem that a page shows to a person, in place of the [`Problem`] that a program would get.
#[derive(Debug, Clone)]
pub(crate) struct Told(pub Problem);

/// Returns the refusal in a response, unless the audit log already has it.
pub(crate) fn of(response: &Response) -> Option<Problem> {
    let extensions = response.extensions();
    let problem = extensions.get::<Problem>().or_else(|| extensions.get::<Told>().map(|told| &told.0))?;
    (!problem.is_noted() && action(problem).is_some()).then(|| problem.clone())
}

/// Returns the audit action of `problem` if it is a refusal.
///
/// Every 403 and every 429 is a refusal. Of the other statuses, only the codes listed here are.
pub(crate) fn action(problem: &Problem) -> Option<Action> {
    match (problem.status(), problem.code()) {
        (StatusCode::FORBIDDEN, "permission_denied") => Some(Action::PermissionDenied),
        (StatusCode::FORBIDDEN, "cross_site_request") => Some(Action::RequestForged),
        (StatusCode::FORBIDDEN, _) | (StatusCode::CONFLICT, "last_admin") => Some(Action::AuthorityRefused),
        (StatusCode::TOO_MANY_REQUESTS, _) => Some(Action::RequestLimited),
        (StatusCode::UNAUTHORIZED, "invalid_refresh_token" | "invalid_signin_code") => {
            Some(Action::TokenRefused)
        }
        _ => None,
    }
}

/// Writes `problem` to the audit log.
pub(crate) async fn write(refusals: Arc<Refusals>, config: Arc<Config>, asked: Asked, problem: Problem) {
    let Some(action) = action(&problem) else { return };
    let path = asked.uri.path();
    let mut details = BTreeMap::from([("code".to_owned(), problem.code().to_owned())]);
    details.extend(problem.details().iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let refusal = Refusal {
        action,
        by: problem.asked_by(),
        resource: format!("{} {}", asked.method, path.get(..MAX_PATH).unwrap_or(path)),
        details,
    };
    refusals.write(refusal, &asked.requester(&config)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    #[test]
    fn every_403_and_every_429_is_a_refusal_whatever_its_code() {
        for code in ["permission_denied", "beyond_authority", "cross_site_request", "a_code_of_next_year"] {
            for status in [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS] {
                let problem = Problem::new(status, code, "no");
                assert!(action(&problem).is_some(), "{status} {code}");
                assert!(of(&problem.clone().into_response()).is_some());
                assert!(of(&problem.noted().into_response()).is_none(), "it is there already");
            }
        }
        for (status, code) in
            [(409, "last_admin"), (401, "invalid_refresh_token"), (401, "invalid_signin_code")]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert!(action(&Problem::new(status, code, "no")).is_some(), "{code}");
        }
    }

    #[test]
    fn a_mistake_is_no_refusal() {
        for problem in [Problem::invalid("no"), Problem::not_found("no"), Problem::not_signed_in()] {
            assert_eq!(action(&problem), None);
        }
        assert!(
            of(&StatusCode::FORBIDDEN.into_response()).is_none(),
            "the response of a page, not a problem"
        );
    }
}

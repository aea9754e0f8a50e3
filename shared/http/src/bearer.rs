//! Bearer token of a request (RFC 6750, section 2.1).

use axum::http::{HeaderMap, header};

use crate::Problem;

const SCHEME: &[u8] = b"bearer";

/// Returns the bearer token of a request, if there is one. Ignores other schemes, such as the `Basic`
/// credentials that a browser sends to a proxy. Refuses two tokens, because nothing tells which one counts.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut tokens = tokens(headers);
    let first = tokens.next();
    if tokens.next().is_some() { Err(Problem::invalid_token()) } else { Ok(first) }
}

/// Returns true if the request has a bearer token, valid or not.
pub fn is_present(headers: &HeaderMap) -> bool {
    tokens(headers).next().is_some()
}

/// Returns the bearer tokens of a request as bytes: a remembered token is compared as a whole, and only a new
/// one has to be read as text.
fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let value = value.as_bytes();
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, token) = value.split_at_checked(end)?;
        scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
    })
}

//! The bearer token of a request (RFC 6750, section 2.1).

use axum::http::{HeaderMap, header};

use crate::Problem;

const SCHEME: &[u8] = b"bearer";

/// The bearer token of a request, none where there is none. A scheme that is not ours, such as the `Basic` that a browser sends
/// to a proxy, is the business of somebody else. Two tokens are refused: nothing tells which one counts.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut tokens = tokens(headers);
    let first = tokens.next();
    if tokens.next().is_some() { Err(Problem::invalid_token()) } else { Ok(first) }
}

/// Whether a request has a bearer token, good or not.
pub fn is_present(headers: &HeaderMap) -> bool {
    tokens(headers).next().is_some()
}

/// As bytes, since a remembered token is compared whole: only one that is new need be looked at as text.
fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let value = value.as_bytes();
        let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
        let (scheme, token) = value.split_at_checked(end)?;
        scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
    })
}

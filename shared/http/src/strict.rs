//! The rule that a request must not name anything unknown: a misspelt name must never be taken for an absent
//! one.

use std::convert::Infallible;

use axum::body::Body as Bytes;
use axum::extract::{FromRequestParts, OptionalFromRequest, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::{Body, Input, Problem};

/// Maximum length of a name that a problem repeats, in characters.
const MAX_NAME: usize = 64;

/// Query of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// No query.
    Nothing,
    /// Parameters that its handler takes as [`Params`](crate::Params).
    Params,
    /// Any parameters. Its handler takes [`AnyQuery`].
    Anything,
}

/// Inputs of a route beside its path and headers, by the signature of its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// The query.
    pub query: Query,
    /// True if its handler reads a body.
    pub body: bool,
}

impl Takes {
    /// Neither a query nor a body.
    pub const NOTHING: Self = Self { query: Query::Nothing, body: false };

    /// Returns the inputs of both.
    pub(crate) const fn and(self, other: Self) -> Self {
        let query = match (self.query, other.query) {
            (Query::Anything, _) | (_, Query::Anything) => Query::Anything,
            (Query::Params, _) | (_, Query::Params) => Query::Params,
            (Query::Nothing, Query::Nothing) => Query::Nothing,
        };
        Self { query, body: self.body || other.body }
    }
}

/// An argument of handlers that accept any query. Caches, probes and clients of other systems add parameters
/// of their own.
pub struct AnyQuery;

impl Input for AnyQuery {
    const QUERY: Query = Query::Anything;
}

impl<S: Send + Sync> FromRequestParts<S> for AnyQuery {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// Body of a route that accepts none: no members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Takes {
    /// Refuses a query that the route does not have.
    pub(crate) fn check_query(self, uri: &Uri) -> Result<(), Problem> {
        let query = uri.query().unwrap_or_default();
        if self.query != Query::Nothing || query.is_empty() {
            return Ok(());
        }
        match url::form_urlencoded::parse(query.as_bytes()).next() {
            Some((name, _)) => Err(Problem::invalid(unknown_parameter(&name))),
            None => Ok(()),
        }
    }

    /// Refuses a body with members that the route does not have. Requests with a safe method are exempt,
    /// because servers and proxies on the way may drop a body that has no meaning there.
    pub(crate) async fn check_body(self, request: Request) -> Result<Request, Problem> {
        if self.body || request.method().is_safe() {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let mut read = Request::new(body);
        read.headers_mut().clone_from(&parts.headers);
        <Body<Nothing> as OptionalFromRequest<()>>::from_request(read, &()).await?;
        Ok(Request::from_parts(parts, Bytes::empty()))
    }
}

/// Returns the detail about a query that serde refuses with `error`.
pub(crate) fn parameter_detail(error: &str) -> String {
    match Fault::of(error) {
        Some(Fault::Unknown(name)) => unknown_parameter(name),
        Some(Fault::Twice(name)) => format!("the query parameter `{name}` appears twice; send it once"),
        Some(Fault::Missing(name)) => format!("the query parameter `{name}` is missing; send it"),
        None => "a query parameter is malformed".to_owned(),
    }
}

/// Returns the detail about a body that serde refuses with `error`, if the error names a member.
pub(crate) fn member_detail(error: &str) -> Option<String> {
    Some(match Fault::of(error)? {
        Fault::Unknown(name) => match printable(name) {
            Some(name) => format!(
                "the body has a member `{name}` that is not known here; remove it or correct its name"
            ),
            None => "the body has a member that is not known here; remove it or correct its name".to_owned(),
        },
        Fault::Twice(name) => format!("the body has the member `{name}` twice; send it once"),
        Fault::Missing(name) => format!("missing field `{name}`"),
    })
}

fn unknown_parameter(name: &str) -> String {
    match printable(name) {
        Some(name) => {
            format!("the query parameter `{name}` is not known here; remove it or correct its name")
        }
        None => "a query parameter is not known here; remove it or correct its name".to_owned(),
    }
}

/// Returns a name that may be repeated. Any other text may be a value that lost its name.
fn printable(name: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (!name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain)).then_some(name)
}

/// A fault in the names of an input, read from the error texts of serde's derived code. They contain no value
/// of the input.
enum Fault<'a> {
    /// A name from the input.
    Unknown(&'a str),
    /// A name from Latchkey's own types.
    Twice(&'a str),
    /// A name from Latchkey's own types.
    Missing(&'a str),
}

impl<'a> Fault<'a> {
    fn of(error: &'a str) -> Option<Self> {
        let named = |begin| error.strip_prefix(begin).and_then(|rest: &str| rest.split('`').next());
        named("unknown field `")
            .map(Self::Unknown)
            .or_else(|| named("duplicate field `").map(Self::Twice))
            .or_else(|| named("missing field `").map(Self::Missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Option<String> {
        let uri: Uri = format!("/v1/session{query}").parse().unwrap();
        Takes::NOTHING.check_query(&uri).err().map(|problem| problem.detail().to_owned())
    }

    #[test]
    fn a_route_without_a_query_names_what_it_does_not_know() {
        for none in ["", "?", "?&", "?&&"] {
            assert_eq!(refused(none), None, "{none}");
        }
        for one in ["?x=1", "?x", "?x=", "?&x=1&y=2", "?%78=1"] {
            let detail = refused(one).unwrap();
            assert!(detail.starts_with("the query parameter `x` is not known here"), "{one}: {detail}");
        }
        for odd in ["?a%0Ab=1", "?=1", "?%00", "?a%20b", &format!("?{}", "x".repeat(65))] {
            let detail = refused(odd).unwrap();
            assert!(detail.starts_with("a query parameter is not known here"), "{odd}: {detail}");
        }
    }

    #[test]
    fn a_route_of_others_takes_any_query() {
        let uri = Uri::from_static("/health?probe=1");
        let takes = Takes { query: Query::Anything, body: false };
        assert!(takes.check_query(&uri).is_ok());
    }

    #[test]
    fn a_name_that_may_be_a_value_is_not_repeated() {
        let error = serde_json::from_str::<Nothing>(r#"{"a secret value":1}"#).err().unwrap().to_string();
        assert_eq!(
            member_detail(&error).unwrap(),
            "the body has a member that is not known here; remove it or correct its name"
        );
        let error = serde_json::from_str::<Nothing>(r#"{"permission":1}"#).err().unwrap().to_string();
        assert!(member_detail(&error).unwrap().contains("`permission`"));
    }
}

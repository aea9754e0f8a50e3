use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use latchkey_core::oauth::ProviderName;
use latchkey_core::permission::{InvalidRoleName, RoleName};
use latchkey_core::{SessionId, UserId};
use serde::de::DeserializeOwned;

use crate::{Problem, strict};

/// The query parameters. `T` must have `deny_unknown_fields`, so that a parameter that `T` does not name is
/// refused. A duplicate parameter is refused too.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|error| Problem::invalid(strict::parameter_detail(&error.to_string())))
    }
}

/// A value in a path.
///
/// Identifiers and provider names come from Latchkey or its configuration, so a text that cannot be one gives
/// 404. A malformed name that people choose is refused with the form that it must have (422).
pub trait Segment: FromStr<Err: Display> {
    /// Description of the path parameter in the OpenAPI document.
    const DESCRIPTION: &'static str;

    /// Returns the problem of a text that does not parse.
    fn refused(_: &Self::Err) -> Problem {
        nothing_here()
    }
}

impl Segment for UserId {
    const DESCRIPTION: &'static str = "The user";
}

impl Segment for SessionId {
    const DESCRIPTION: &'static str = "The session";
}

impl Segment for ProviderName {
    const DESCRIPTION: &'static str = "The provider, such as `google`";
}

impl Segment for RoleName {
    const DESCRIPTION: &'static str = "Name of the role: 1 to 64 characters of a-z, 0-9 and -, beginning with \
                                       a letter";

    fn refused(error: &InvalidRoleName) -> Problem {
        Problem::unprocessable("invalid_role", error.to_string())
    }
}

fn nothing_here() -> Problem {
    Problem::not_found("this path does not exist; check its spelling")
}

/// The path parameter, parsed.
pub struct PathParam<T>(pub T);

impl<T: Segment, S: Send + Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| nothing_here())?;
        text.parse().map(Self).map_err(|error| T::refused(&error))
    }
}

/// Two path parameters, parsed in the same way.
pub struct PathParams<A, B>(pub A, pub B);

impl<A: Segment, B: Segment, S: Send + Sync> FromRequestParts<S> for PathParams<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((a, b)) = path.map_err(|_| nothing_here())?;
        let (a, b) =
            (a.parse().map_err(|error| A::refused(&error)), b.parse().map_err(|error| B::refused(&error)));
        Ok(Self(a?, b?))
    }
}

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use latchkey_core::oauth::ProviderName;
use latchkey_core::permission::{InvalidRoleName, RoleName};
use latchkey_core::{SessionId, UserId};
use serde::de::DeserializeOwned;

use crate::{Problem, strict};

/// The query parameters. `T` says `deny_unknown_fields`: a parameter that `T` does not name, or that comes twice, is refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|error| Problem::invalid(strict::parameter_detail(&error.to_string())))
    }
}

/// A value that stands in a path.
///
/// Identifiers and names of providers are given out by Latchkey or its configuration: a text that cannot be one names nothing (404).
/// A name that people choose is refused with its form (422).
pub trait Segment: FromStr<Err: Display> {
    /// What it names, for the description of its operations.
    const DESCRIPTION: &'static str;

    /// The response to a text that is none.
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
    const DESCRIPTION: &'static str = "The role: 1 to 64 of a-z, 0-9 and -, a letter first";

    fn refused(error: &InvalidRoleName) -> Problem {
        Problem::unprocessable("invalid_role", error.to_string())
    }
}

fn nothing_here() -> Problem {
    Problem::not_found("there is nothing under this path")
}

/// The path's parameter, parsed.
pub struct PathParam<T>(pub T);

impl<T: Segment, S: Send + Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| nothing_here())?;
        text.parse().map(Self).map_err(|error| T::refused(&error))
    }
}

/// Two parameters of the path, parsed in the same way.
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

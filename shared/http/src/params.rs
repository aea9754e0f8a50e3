use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{Problem, strict};

/// The query parameters. `T` says `deny_unknown_fields`, and its route [`with_query`](crate::Target::with_query): a parameter that
/// `T` does not name, or that comes twice, is refused.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|error| Problem::invalid(strict::parameter_detail(&error.to_string())))
    }
}

/// What stands in the path's parameters, parsed. What does not parse names nothing: 404.
pub struct PathParam<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let none = || Problem::not_found("there is nothing under this path");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        text.parse().map(Self).map_err(|_| none())
    }
}

/// Two parameters of the path, parsed in the same way.
pub struct PathParams<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathParams<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let none = || Problem::not_found("there is nothing under this path");
        let Path((a, b)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| none())?;
        Ok(Self(a.parse().map_err(|_| none())?, b.parse().map_err(|_| none())?))
    }
}

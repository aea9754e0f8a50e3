use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use latchkey_core::permission::Permission;
use latchkey_core::session::{Freshness, Live, Sessions, TokenHolder};
use latchkey_core::{Config, SessionId, UserId};

use crate::cookies::{self, Kind};
use crate::{Access, App, Problem, bearer, csrf};

/// The signed-in user, for handlers of routes that require one.
#[derive(Clone)]
pub struct Caller(Arc<Live>);

impl Caller {
    /// Returns the same user with strongly consistent state.
    pub async fn renew(self, sessions: &Sessions) -> Result<Self, Problem> {
        Ok(Self(sessions.renew(self.0).await?))
    }

    /// Counts a request that was let in without a count, or refuses it.
    pub fn count(&self, sessions: &Sessions) -> Result<(), Problem> {
        Ok(sessions.count(&self.0)?)
    }
}

impl Deref for Caller {
    type Target = Live;
    fn deref(&self) -> &Live {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .remove()
            .ok_or_else(|| Problem::internal("the handler of a public route takes a caller"))
    }
}

/// Extractor that refuses a caller who is identified by a cookie, for routes that only servers call.
pub struct BearerOnly;

impl<S: Send + Sync> FromRequestParts<S> for BearerOnly {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        bearer::token(&parts.headers)?.map(|_| Self).ok_or_else(|| {
            Problem::new(
                StatusCode::FORBIDDEN,
                "bearer_required",
                "this route accepts no cookie; send the access token as `Authorization: Bearer …`",
            )
        })
    }
}

/// Checks the access of a request, and stores the caller in its extensions.
pub(crate) async fn admit(parts: &mut Parts, app: &App, access: Access) -> Result<(), Problem> {
    let freshness = match access {
        Access::Public => return Ok(()),
        Access::TokenHolder => {
            let (config, sessions) = (Arc::<Config>::from_ref(app), Arc::<Sessions>::from_ref(app));
            let holders = Box::pin(holders(&parts.headers, &config, &sessions)).await?;
            parts.extensions.insert(TokenHolders(holders.into()));
            return Ok(());
        }
        Access::SignedIn(freshness) => freshness,
        Access::Permission(_) => Freshness::Fresh,
        Access::Proxied => return admit_proxied(parts, app).await,
    };
    let config = Arc::<Config>::from_ref(app);
    let token = token(&parts.headers, &config)?;
    let live = Arc::<Sessions>::from_ref(app).authenticate(token, freshness).await?;
    if let Access::Permission(wanted) = access {
        let permission: Permission = wanted.parse().map_err(Problem::internal)?;
        if !live.grants.decide(&permission).allowed() {
            return Err(denied(&live, wanted));
        }
    }
    parts.extensions.insert(Caller(live));
    Ok(())
}

/// Checks the access of a request that a reverse proxy asks about. It is not counted, because a page of forty
/// assets causes forty checks.
async fn admit_proxied(parts: &mut Parts, app: &App) -> Result<(), Problem> {
    let config = Arc::<Config>::from_ref(app);
    csrf::check_forwarded(&parts.headers, &config)?;
    let token = token(&parts.headers, &config)?;
    let live = Arc::<Sessions>::from_ref(app).recognize(token).await?;
    parts.extensions.insert(Caller(live));
    Ok(())
}

/// Returns the access token: the bearer token, or else the cookie.
fn token<'a>(headers: &'a HeaderMap, config: &Config) -> Result<&'a [u8], Problem> {
    if let Some(token) = bearer::token(headers)? {
        return Ok(token);
    }
    cookies::get(Kind::Access, headers, &config.url)?.ok_or_else(Problem::not_signed_in)
}

/// Holders of the tokens in a request, for routes that end sessions. There are two holders if the two cookies
/// belong to different sessions.
#[derive(Clone)]
pub struct TokenHolders(Arc<[TokenHolder]>);

impl Deref for TokenHolders {
    type Target = [TokenHolder];
    fn deref(&self) -> &[TokenHolder] {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenHolders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .remove()
            .ok_or_else(|| Problem::internal("the handler of a route without token holders takes them"))
    }
}

/// Returns the holders of a request's tokens: of the bearer token if there is one, or else of both cookies. A
/// single cookie is enough.
async fn holders(
    headers: &HeaderMap,
    config: &Config,
    sessions: &Sessions,
) -> Result<Vec<TokenHolder>, Problem> {
    if let Some(token) = bearer::token(headers)? {
        return Ok(vec![sessions.holder_of_access(token).await?]);
    }
    let (access, refresh) =
        (cookies::get(Kind::Access, headers, &config.url), cookies::get(Kind::Refresh, headers, &config.url));
    let mut found = Vec::new();
    let mut problem = None;
    match refresh.map(|token| token.map(|token| sessions.holder_of_refresh(token))) {
        Ok(Some(Ok(holder))) => found.push(holder),
        Ok(Some(Err(error))) => problem = Some(error.into()),
        Ok(None) => {}
        Err(duplicate) => problem = Some(duplicate.into()),
    }
    match access {
        Ok(Some(token)) => match sessions.holder_of_access(token).await {
            Ok(holder) if found.iter().any(|other: &TokenHolder| other.is_of_one_session(&holder)) => {}
            Ok(holder) => found.push(holder),
            Err(error) => {
                problem.get_or_insert_with(|| error.into());
            }
        },
        Ok(None) => {}
        Err(duplicate) => {
            problem.get_or_insert_with(|| duplicate.into());
        }
    }
    if found.is_empty() { Err(problem.unwrap_or_else(Problem::not_signed_in)) } else { Ok(found) }
}

/// Session that a browser has before it signs in again, identified by its cookie.
pub struct Replaced(pub Option<(UserId, SessionId)>);

impl FromRequestParts<App> for Replaced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let config = Arc::<Config>::from_ref(app);
        // A duplicate cookie does not tell whose session it is.
        let cookie = |kind| cookies::get(kind, &parts.headers, &config.url);
        let (Ok(access), Ok(refresh)) = (cookie(Kind::Access), cookie(Kind::Refresh)) else {
            return Ok(Self(None));
        };
        let sessions = Arc::<Sessions>::from_ref(app);
        if let Some(token) = access.and_then(|token| std::str::from_utf8(token).ok())
            && let Some(session) = sessions.named_by(token).await
        {
            return Ok(Self(Some(session)));
        }
        // The browser drops the access cookie after 15 minutes, but keeps the refresh cookie.
        let holder = refresh.and_then(|token| sessions.holder_of_refresh(token).ok());
        Ok(Self(holder.map(|holder| holder.names())))
    }
}

/// Returns the problem of a missing permission. The middleware writes it to the audit log.
fn denied(live: &Live, wanted: &str) -> Problem {
    let detail = format!("this needs the permission `{wanted}`");
    let mut problem = Problem::new(StatusCode::FORBIDDEN, "permission_denied", detail);
    problem.asked(live.user.id);
    problem.telling("permission", wanted)
}

//! `/v1/oauth/{provider}/callback` accepts a browser that returns from a provider. `/v1/oauth/exchange`
//! exchanges a one-time code for a session, for an app that holds its own tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures_util::future::join;
use latchkey_core::Config;
use latchkey_core::account::{IdentityLinking, ProviderSignIn};
use latchkey_core::audit::AuditLog;
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::oauth::{
    AuthorizationRequest, CallbackError, Oauth, ProviderName, ProviderResponse, Purpose,
};
use latchkey_http::{
    ClientInfo, DeviceCookies, Function, Onward, PathParam, Problem, Replaced, Routes, authorization_cookie,
    clear_authorization_cookie,
};

mod authorization_response;
mod descriptions;
mod exchange;
mod finish;
mod refused;

use authorization_response::AuthorizationResponse;
use descriptions::{BY_FORM, BY_REDIRECT};
use finish::Finish;
use refused::Refused;

/// Returns this operation.
pub fn function() -> Function {
    let back = "/v1/oauth/{provider}/callback";
    Routes::new("oauth")
        .navigation(back, callback, &BY_REDIRECT)
        .public(Method::POST, back, callback, &BY_FORM)
        .public(Method::POST, "/v1/oauth/exchange", exchange::exchange, &exchange::EXCHANGE)
        .into()
}

/// Parts of the service that a callback needs.
struct Parts {
    oauth: Arc<Oauth>,
    sign_in: Arc<ProviderSignIn>,
    identities: Arc<IdentityLinking>,
    audit: AuditLog,
    config: Arc<Config>,
}

/// Handles both callback routes. After any failure the browser is told, and the authorization request is used
/// up.
#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn callback(
    State(oauth): State<Arc<Oauth>>,
    State(sign_in): State<Arc<ProviderSignIn>>,
    State(identities): State<Arc<IdentityLinking>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    State(audit): State<AuditLog>,
    provider: Result<PathParam<ProviderName>, Problem>,
    client: ClientInfo,
    Replaced(signed_in): Replaced,
    devices: DeviceCookies,
    headers: HeaderMap,
    AuthorizationResponse(returned): AuthorizationResponse,
) -> Response {
    let parts = Parts { oauth, sign_in, identities, audit, config };
    let provider = match provider {
        Ok(PathParam(provider)) if parts.oauth.provider(&provider).is_some() => Ok(provider),
        Ok(_) => Err(Problem::not_found("no provider has this name")),
        Err(problem) => Err(problem),
    };
    let name = returned.as_ref().ok().and_then(|returned| parts.oauth.cookie_name(returned));
    let cookie =
        name.as_deref().map(|name| authorization_cookie(&headers, name, &parts.config.url)).transpose();
    let (provider, cookie) = match cookie {
        Ok(cookie) => (provider, cookie.flatten()),
        Err(duplicate) => (provider.and(Err(duplicate.into())), None),
    };
    let accepted = match (&provider, returned) {
        (Ok(provider), Ok(returned)) => {
            parts.oauth.accept(provider, &returned, cookie).map(|authorization| (authorization, returned))
        }
        (_, Err(error)) => Err(error),
        (Err(_), Ok(_)) => Err(CallbackError::State),
    };
    let subjects = [Subject::Address(Action::OauthCallback, &client.address)];
    // Both run concurrently: the authorization request is used up before its code is sent to the provider,
    // and it takes no extra time.
    let (counted, used) = join(limiter.admit(&subjects), async {
        match &accepted {
            Ok((authorization, _)) => parts.oauth.use_up(authorization).await,
            Err(_) => Ok(()),
        }
    })
    .await;
    let refused = counted.err().map(Problem::from);
    let provider = match (refused, provider) {
        (None, Ok(provider)) => provider,
        (Some(problem), _) | (None, Err(problem)) => {
            let mut response = parts.show(problem, &headers, None);
            parts.clear(&mut response, name.filter(|_| accepted.is_ok()));
            return response;
        }
    };
    // The cookie of a response that was not accepted may belong to another authorization request.
    let own = name.filter(|_| accepted.is_ok());
    let (authorization, done) = match (accepted, used) {
        (Ok((authorization, returned)), Ok(())) => {
            let finish = Finish {
                parts: &parts,
                authorization: &authorization,
                from: &client.requester,
                signed_in,
                devices: &devices,
            };
            let done = finish.run(&returned).await;
            (Some(authorization), done)
        }
        (Ok((authorization, _)), Err(error)) => (Some(authorization), Err(Refused::from(error))),
        (Err(error), _) => (None, Err(Refused::because("invalid_state", error))),
    };
    let mut response = match done {
        Ok(response) => response,
        Err(refused) => {
            refused.report(&parts.audit, &provider, authorization.as_ref(), &client.requester).await;
            // The event is written: reported here, or in the commit that refused.
            parts.show(refused.problem.noted(), &headers, authorization.as_ref())
        }
    };
    parts.clear(&mut response, own);
    response
}

impl Parts {
    /// Removes the cookie of a finished authorization request.
    fn clear(&self, response: &mut Response, name: Option<String>) {
        if let Some(name) = name {
            clear_authorization_cookie(response.headers_mut(), &name, &self.config.url);
        }
    }

    /// Redirects to the waiting app with the code of the problem. If there is no app, shows a page about the
    /// problem, with a link to the first frontend.
    fn show(
        &self,
        problem: Problem,
        request: &HeaderMap,
        authorization: Option<&AuthorizationRequest>,
    ) -> Response {
        let place = authorization.and_then(|authorization| authorization.refused_at(problem.code()));
        let home = self.oauth.home().map(|home| home.url().to_string());
        let onward = match &place {
            Some(place) => Onward::App(place.as_str()),
            None => Onward::Page(home.as_deref()),
        };
        let linking =
            authorization.is_some_and(|authorization| matches!(authorization.purpose(), Purpose::Link(_)));
        // The title does not claim that nobody is signed in: after a repeated response the browser still has
        // its session.
        let title = if linking { "The account was not linked" } else { "The sign-in failed" };
        problem.for_navigation(request, title, onward)
    }
}

#[cfg(test)]
mod tests;

//! `/v1/oauth/{provider}/callback`: takes a browser back from a provider. `/v1/oauth/exchange`: gives an app that holds its own
//! tokens a session for what came back to it.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use latchkey_core::Config;
use latchkey_core::account::Accounts;
use latchkey_core::audit::AuditLog;
use latchkey_core::limit::{Action, Limiter, Subject};
use latchkey_core::oauth::{Flow, Oauth, ProviderName, Purpose, Returned};
use latchkey_core::port::Ports;
use latchkey_core::session::Sessions;
use latchkey_http::{
    DeviceCookies, From, Onward, PathParam, Problem, Replaced, Routes, at, clear_flow, flow_cookie,
};
use utoipa::OpenApi;

mod answer;
mod described;
mod exchange;
mod finish;
mod refused;

use answer::Answer;
use finish::Finish;
use refused::Refused;

/// The routes, over the parts of the service that they use.
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Arc<Oauth>: FromRef<S>,
    Arc<Accounts>: FromRef<S>,
    Arc<Sessions>: FromRef<S>,
    Arc<Limiter>: FromRef<S>,
    Arc<Config>: FromRef<S>,
    AuditLog: FromRef<S>,
    Ports: FromRef<S>,
{
    // Providers add parameters of their own to what the standards name.
    let back = at("/v1/oauth/{provider}/callback").with_any_query();
    Routes::new().public(Method::GET, back, callback).public(Method::POST, back.with_body(), callback).public(
        Method::POST,
        at("/v1/oauth/exchange").with_body(),
        exchange::exchange,
    )
}

#[derive(OpenApi)]
#[openapi(paths(described::by_redirect, described::by_form, exchange::exchange))]
struct Description;

latchkey_http::function!(routes(), Description);

/// The parts of the service that a return needs.
struct Parts {
    oauth: Arc<Oauth>,
    accounts: Arc<Accounts>,
    audit: AuditLog,
    config: Arc<Config>,
    ports: Ports,
}

/// Both routes. Whatever goes wrong, the browser is told, and the flow is over.
#[expect(clippy::too_many_arguments, reason = "axum passes each part of a request by itself")]
async fn callback(
    State(oauth): State<Arc<Oauth>>,
    State(accounts): State<Arc<Accounts>>,
    State(limiter): State<Arc<Limiter>>,
    State(config): State<Arc<Config>>,
    State(audit): State<AuditLog>,
    State(ports): State<Ports>,
    provider: Result<PathParam<ProviderName>, Problem>,
    from: From,
    Replaced(signed_in): Replaced,
    devices: DeviceCookies,
    headers: HeaderMap,
    Answer(answer): Answer,
) -> Response {
    let parts = Parts { oauth, accounts, audit, config, ports };
    let subjects = [Subject::Address(Action::OauthCallback, &from.address)];
    if let Err(limited) = limiter.admit(&subjects, parts.ports.clock.now()).await {
        return parts.show(limited.into(), &headers, None);
    }
    let provider = match provider {
        Ok(PathParam(provider)) if parts.oauth.provider(&provider).is_some() => provider,
        Ok(_) => {
            return parts.show(Problem::not_found("there is no provider by this name here"), &headers, None);
        }
        Err(problem) => return parts.show(problem, &headers, None),
    };
    let name = answer.as_ref().ok().and_then(|returned| parts.oauth.cookie_name(returned));
    let cookie = name.as_deref().map(|name| flow_cookie(&headers, name, &parts.config.url)).transpose();
    let cookie = match cookie {
        Ok(cookie) => cookie.flatten(),
        Err(duplicate) => return parts.show(duplicate.into(), &headers, None),
    };
    let accepted = answer
        .and_then(|returned| parts.oauth.accept(&provider, &returned, cookie).map(|flow| (flow, returned)));
    let (flow, done) = match accepted {
        Ok((flow, returned)) => {
            let finish =
                Finish { parts: &parts, flow: &flow, from: &from.requester, signed_in, devices: &devices };
            let done = finish.run(&returned).await;
            (Some(flow), done)
        }
        Err(error) => (None, Err(Refused::because("invalid_state", error))),
    };
    let mut response = match done {
        Ok(response) => response,
        Err(refused) => {
            refused.report(&parts.audit, &provider, flow.as_ref(), &from.requester).await;
            parts.show(refused.problem, &headers, flow.as_ref())
        }
    };
    if let Some(name) = name.filter(|_| cookie.is_some()) {
        clear_flow(response.headers_mut(), &name, &parts.config.url);
    }
    response
}

impl Parts {
    /// Back to the app that waits where the flow was asked to return to, with the word for what went wrong; without one a page
    /// that says it, with the way to the first frontend.
    fn show(&self, problem: Problem, request: &HeaderMap, flow: Option<&Flow>) -> Response {
        let place = flow.and_then(|flow| flow.refused_at(problem.code()));
        let home = self.oauth.home().map(|home| home.url().to_string());
        let onward = match &place {
            Some(place) => Onward::App(place.as_str()),
            None => Onward::Page(home.as_deref()),
        };
        let linking = flow.is_some_and(|flow| matches!(flow.purpose(), Purpose::Link(_)));
        // Not that nobody is signed in: an answer that comes back once more finds the browser with its session.
        let title = if linking { "The account was not linked" } else { "The sign-in did not work" };
        problem.for_navigation(request, title, onward)
    }
}

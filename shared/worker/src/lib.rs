//! One Worker: the operations that its features name, behind one entry. `infra/worker-build OPERATION…` builds it.

#![cfg(target_arch = "wasm32")]

use latchkey_http::{App, Function};
use worker::web_sys::{Request, Response};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

/// The operations of this Worker in one.
macro_rules! operations {
    ($($feature:literal: $operation:ident),+ $(,)?) => {
        fn operations() -> Function<App> {
            let function = Function::default();
            $(
                #[cfg(feature = $feature)]
                let function = function.merge($operation::function());
            )+
            function
        }
    };
}

operations! {
    "all": latchkey_all,
    "admin": latchkey_admin,
    "identities": latchkey_identities,
    "keys": latchkey_keys,
    "oauth-callback": latchkey_oauth_callback,
    "oauth-start": latchkey_oauth_start,
    "permission-check": latchkey_permission_check,
    "session": latchkey_session,
    "signin": latchkey_signin,
    "signup": latchkey_signup,
    "token-refresh": latchkey_token_refresh,
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    latchkey_cloudflare::fetch(operations, request, env, context).await
}

#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    latchkey_cloudflare::scheduled(env).await;
}

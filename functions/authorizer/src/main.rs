//! Entry of the Lambda.

use std::process::ExitCode;
use std::sync::Arc;

use latchkey_authorizer::{Authorizer, InvalidRoutes, RouteNeeds};
use latchkey_core::config::ConfigError;
use latchkey_http::App;

const VARIABLE: &str = "LATCHKEY_PERMISSIONS";

fn main() -> ExitCode {
    latchkey_aws::run_direct(authorizer, |authorizer, event| async move { authorizer.respond(event).await })
}

fn authorizer(app: App, var: &dyn Fn(&str) -> Option<String>) -> Result<Arc<Authorizer>, ConfigError> {
    let fix = "list the protected routes and their requirements, such as GET /orders/{id}=orders:read,ANY \
               /me=signed-in";
    let text = var(VARIABLE).ok_or_else(|| ConfigError::new(VARIABLE, "is not set", fix))?;
    let needs: RouteNeeds =
        text.parse().map_err(|error: InvalidRoutes| ConfigError::new(VARIABLE, error.to_string(), fix))?;
    Ok(Arc::new(Authorizer::new(app, needs)))
}

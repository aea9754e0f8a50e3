use std::borrow::Cow;

use latchkey_lambda::ENVIRONMENT;
use serde_json::{Value, json};
use xtask::table::Operations;

/// The table in the emulator.
pub const TABLE: &str = "latchkey";
const PASSWORD: &str = "seven green boats at noon";
const MEGABYTE: u64 = 1024 * 1024;
/// What an HTTP API asks the authorizer.
const AUTHORIZER_EVENT: &str = include_str!("../../../functions/authorizer/tests/events/http-api-2.0.json");

/// A function, the call that is measured, and its budget.
#[derive(Clone)]
pub struct Function {
    pub binary: Cow<'static, str>,
    /// A method and a path; or a command, where nobody calls it over HTTP.
    pub route: &'static str,
    pub call: Call,
    /// The most that the stripped binary may have, in bytes; none where it is not ours.
    pub size: Option<u64>,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Plain,
    SignUp,
    SignIn,
    Refresh,
    /// With an access token.
    SignedIn,
    /// With an access token, for this route of another API.
    Authorize,
    /// No request, but a command of the operator's.
    Command,
}

const fn ours(binary: &'static str, route: &'static str, call: Call, mb: u64) -> Function {
    Function { binary: Cow::Borrowed(binary), route, call, size: Some(mb * MEGABYTE) }
}

/// Functions with a call of their own. The roles and an account come first: the others use them.
const CALLS: [Function; 12] = [
    ours("latchkey-operator", "setup", Call::Command, 12),
    ours("latchkey-signup", "POST /v1/signup", Call::SignUp, 12),
    ours("latchkey-signin", "POST /v1/signin", Call::SignIn, 12),
    ours("latchkey-session", "GET /v1/session", Call::SignedIn, 12),
    ours("latchkey-token-refresh", "POST /v1/token/refresh", Call::Refresh, 12),
    ours("latchkey-permission-check", "GET /v1/permissions", Call::SignedIn, 8),
    ours("latchkey-admin", "GET /v1/roles", Call::SignedIn, 12),
    ours("latchkey-oauth-start", "GET /v1/oauth/github/start", Call::Plain, 12),
    ours("latchkey-identities", "GET /v1/identities", Call::SignedIn, 12),
    ours("latchkey-keys", "GET /.well-known/jwks.json", Call::Plain, 12),
    ours("latchkey-authorizer", "GET /orders/{id}", Call::Authorize, 12),
    ours("latchkey-all", "GET /v1/session", Call::SignedIn, 12),
];

/// Returns every function: those with a call of their own, then those that show their health in its place, and at the end the one
/// to compare with Node.
pub fn functions() -> Result<Vec<Function>, xtask::Error> {
    let mut functions = CALLS.to_vec();
    for function in Operations::read(&xtask::root())?.lambda_functions() {
        let binary = function.package();
        if !functions.iter().any(|function| function.binary == binary) {
            functions.push(Function { binary: Cow::Owned(binary), ..COMPARED });
        }
    }
    functions.push(COMPARED);
    Ok(functions)
}

const COMPARED: Function = ours("latchkey-keys", "GET /health", Call::Plain, 12);

/// The same as the last of ours, as a team would write it without Latchkey.
pub const ON_NODE: Function =
    Function { binary: Cow::Borrowed("node, @aws-sdk"), route: "GET /health", call: Call::Plain, size: None };

/// The settings of every function.
pub fn variables(endpoint: &str) -> Vec<(String, String)> {
    let own = [
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("LATCHKEY_TABLE", TABLE),
        ("LATCHKEY_URL", "https://auth.example.com"),
        ("LATCHKEY_SECRET", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo="),
        ("LATCHKEY_ORIGINS", "https://app.example.com"),
        ("GITHUB_CLIENT_ID", "measured"),
        ("GITHUB_CLIENT_SECRET", "measured"),
        // Only the authorizer reads it.
        ("LATCHKEY_PERMISSIONS", "GET /orders/{id}=products:read"),
        (
            "LATCHKEY_LIMITS",
            "signup=10000/1m,signin=10000/1m,signin_email=10000/1m,signin_email_day=10000/1m,session=10000/1m,public=10000/1m",
        ),
    ];
    let path = std::env::var("PATH").unwrap_or_default();
    ENVIRONMENT.iter().chain(&own).copied().chain([("PATH", path.as_str())]).map(pair).collect()
}

fn pair((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// What the service has given so far.
#[derive(Default)]
pub struct Service {
    accounts: u32,
    access_token: String,
    refresh_token: String,
}

impl Service {
    /// The next event for `function`.
    pub fn event(&mut self, function: &Function) -> String {
        match function.call {
            Call::Command => json!({ "command": function.route }).to_string(),
            Call::Authorize => AUTHORIZER_EVENT.replace("Bearer TOKEN", &self.bearer()),
            call => self.request(function, call).to_string(),
        }
    }

    /// As a function URL sends it.
    fn request(&mut self, function: &Function, call: Call) -> Value {
        let headers = json!({
            "content-type": "application/json",
            "host": "auth.example.com",
            "authorization": if call == Call::SignedIn { self.bearer() } else { String::new() },
        });
        let (method, path) = function.route.split_once(' ').unwrap_or_default();
        json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "stage": "$default",
                "http": { "method": method, "path": path, "sourceIp": "203.0.113.7" },
            },
            "body": self.body(call).map(|body| body.to_string()),
            "isBase64Encoded": false,
        })
    }

    fn body(&mut self, call: Call) -> Option<Value> {
        match call {
            Call::SignUp => {
                self.accounts += 1;
                let email = format!("ada{}@example.com", self.accounts);
                Some(json!({ "email": email, "password": PASSWORD, "transport": "bearer" }))
            }
            Call::SignIn => {
                Some(json!({ "email": "ada1@example.com", "password": PASSWORD, "transport": "bearer" }))
            }
            Call::Refresh => Some(json!({ "refresh_token": self.refresh_token })),
            Call::Plain | Call::SignedIn | Call::Authorize | Call::Command => None,
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.access_token)
    }

    /// Takes the tokens out of an answer; the reason when it is none to measure.
    pub fn learn(&mut self, call: Call, answer: &Value) -> Result<(), String> {
        let is_good = match call {
            Call::Authorize => answer["isAuthorized"] == true,
            Call::Command => answer["done"].is_string(),
            // Reading the roles takes more than an ordinary user may: 403 is the whole check too. 303 goes on to a provider.
            _ => matches!(answer["statusCode"].as_u64(), Some(200 | 201 | 303 | 403)),
        };
        if !is_good {
            return Err(format!("the answer is {answer}"));
        }
        let body: Value =
            answer["body"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        for (name, token) in
            [("access_token", &mut self.access_token), ("refresh_token", &mut self.refresh_token)]
        {
            if let Some(text) = body.get(name).and_then(Value::as_str) {
                text.clone_into(token);
            }
        }
        Ok(())
    }
}

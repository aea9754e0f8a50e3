use latchkey_lambda::ENVIRONMENT;
use serde_json::{Value, json};

/// The table in the emulator.
pub const TABLE: &str = "latchkey";
const PASSWORD: &str = "seven green boats at noon";
const MEGABYTE: u64 = 1024 * 1024;

/// A function, the route that is measured, and its budget.
pub struct Function {
    pub binary: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub call: Call,
    /// The most that the stripped binary may have, in bytes; none where it is not ours.
    pub size: Option<u64>,
}

/// What goes with a request.
#[derive(Clone, Copy)]
pub enum Call {
    Plain,
    SignUp,
    SignIn,
    Refresh,
    /// With an access token.
    SignedIn,
}

const fn ours(
    binary: &'static str,
    method: &'static str,
    path: &'static str,
    call: Call,
    mb: u64,
) -> Function {
    Function { binary, method, path, call, size: Some(mb * MEGABYTE) }
}

/// Signing up comes first: the others use its tokens.
pub const FUNCTIONS: [Function; 12] = [
    ours("latchkey-signup", "POST", "/v1/signup", Call::SignUp, 12),
    ours("latchkey-signin", "POST", "/v1/signin", Call::SignIn, 12),
    ours("latchkey-session", "GET", "/v1/session", Call::SignedIn, 12),
    ours("latchkey-token-refresh", "POST", "/v1/token/refresh", Call::Refresh, 12),
    ours("latchkey-permission-check", "GET", "/v1/permissions", Call::SignedIn, 8),
    ours("latchkey-admin", "GET", "/v1/roles", Call::SignedIn, 12),
    ours("latchkey-oauth-start", "GET", "/v1/oauth/github/start", Call::Plain, 12),
    // A return needs a provider; this has everything but that.
    ours("latchkey-oauth-callback", "GET", "/health", Call::Plain, 12),
    ours("latchkey-identities", "GET", "/v1/identities", Call::SignedIn, 12),
    ours("latchkey-keys", "GET", "/.well-known/jwks.json", Call::Plain, 12),
    ours("latchkey-all", "GET", "/v1/session", Call::SignedIn, 12),
    ours("latchkey-keys", "GET", "/health", Call::Plain, 12),
];

/// The same as the last of ours, as a team would write it without Latchkey.
pub const ON_NODE: Function =
    Function { binary: "node, @aws-sdk", method: "GET", path: "/health", call: Call::Plain, size: None };

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
        ("LATCHKEY_LIMITS", "signup=10000/1m,signin=10000/1m,session=10000/1m,public=10000/1m"),
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
    /// The next event for `function`: as a function URL sends it.
    pub fn event(&mut self, function: &Function) -> String {
        let bearer = format!("Bearer {}", self.access_token);
        let authorization = if matches!(function.call, Call::SignedIn) { bearer.as_str() } else { "" };
        let headers = json!({
            "content-type": "application/json",
            "host": "auth.example.com",
            "authorization": authorization,
        });
        let body = match function.call {
            Call::Plain | Call::SignedIn => None,
            Call::SignUp => {
                self.accounts += 1;
                let email = format!("ada{}@example.com", self.accounts);
                Some(json!({ "email": email, "password": PASSWORD, "transport": "bearer" }))
            }
            Call::SignIn => {
                Some(json!({ "email": "ada1@example.com", "password": PASSWORD, "transport": "bearer" }))
            }
            Call::Refresh => Some(json!({ "refresh_token": self.refresh_token })),
        };
        let event = json!({
            "version": "2.0",
            "rawPath": function.path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "stage": "$default",
                "http": { "method": function.method, "path": function.path, "sourceIp": "203.0.113.7" },
            },
            "body": body.map(|body| body.to_string()),
            "isBase64Encoded": false,
        });
        event.to_string()
    }

    /// Takes the tokens out of an answer; the reason when it is none to measure.
    pub fn learn(&mut self, answer: &Value) -> Result<(), String> {
        // Reading the roles takes more than an ordinary user may: 403 is the whole check too. 303 goes on to a provider.
        if !matches!(answer["statusCode"].as_u64(), Some(200 | 201 | 303 | 403)) {
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

//! Each function may do to the table what its work needs, and little more.
//!
//! Functions of their own work on one table here as they do on AWS, while what they ask of it is written down. IAM's rules are
//! evaluated on what was written down. Of a transaction they see each step for itself, or all partitions of an action at once: the
//! documentation leaves it open, so the statements must allow both.

mod account;
mod providers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use latchkey_core::adapter::TableCounters;
use latchkey_core::port::Table;
use latchkey_http::{App, Function, Operation};
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, ISSUER, Shape, StandInProvider};
use latchkey_testkit::{TestApp, TestAppBuilder, TestClock, TestRequest, TestResponse, memory_table};
use latchkey_tests::support::{PASSWORD, credentials};
use serde_json::{Value, json};

use crate::template::{function_of, functions, template};
use crate::usage::{Use, WatchedTable};

/// One function, and what it did to the table.
struct Worker {
    app: TestApp,
    table: Arc<WatchedTable>,
}

/// Every function as a process of its own, over one table.
struct Deployment {
    workers: BTreeMap<String, Worker>,
    clock: Arc<TestClock>,
    provider: StandInProvider,
    /// A process that nobody watches, for what is to be there.
    outside: TestApp,
}

impl Deployment {
    fn new() -> Self {
        let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
        let provider = StandInProvider::new(Shape::openid(), Arc::clone(&clock));
        provider.edit().shape.scopes = "openid email profile offline_access";
        let builder = || configured(Arc::clone(&clock), &provider);
        let named = latchkey_all::operations().into_iter();
        let named = named.map(|(name, function)| (function_of(name), function));
        let others =
            ["Authorizer", "Operator"].map(|name| (name.to_owned(), latchkey_permission_check::function()));
        let workers = named.chain(others).zip(1..).map(|((name, function), seed)| {
            (name, Worker::new(function, Arc::clone(&table), builder().seed(seed)))
        });
        let workers = workers.collect();
        // Draws other identifiers than any of them.
        let outside = builder().seed(1000).table(Arc::clone(&table)).build(latchkey_all::function());
        Self { workers, clock, provider, outside }
    }

    fn of(&self, function: &str) -> &Worker {
        &self.workers[function]
    }

    async fn send(&self, function: &str, request: TestRequest) -> TestResponse {
        self.of(function).app.send(request).await
    }

    async fn ask(&self, function: &str, request: TestRequest) -> Value {
        let answer = self.send(function, request).await;
        assert!(answer.status.is_success(), "{function}: {} {}", answer.status, answer.json());
        answer.json()
    }

    async fn operate(&self, command: Value) {
        latchkey_operator::operate(&self.of("Operator").app.services, command)
            .await
            .expect("the command works");
    }
}

impl Worker {
    fn new(function: Function, table: Arc<dyn Table>, builder: TestAppBuilder) -> Self {
        let table = Arc::new(WatchedTable::new(table));
        // As where there is no Upstash.
        let counters = TableCounters::new(Arc::<WatchedTable>::clone(&table));
        let builder = builder.table(Arc::<WatchedTable>::clone(&table)).counters(Arc::new(counters));
        let app = builder.build(function);
        Self { app, table }
    }
}

/// Settings that all functions have, with a provider.
fn configured(clock: Arc<TestClock>, provider: &StandInProvider) -> TestAppBuilder {
    let vars = [
        // All counted, and none ever reached.
        (
            "LATCHKEY_LIMITS",
            "signup=1000/15m,signup_email=1000/1h,signup_refused=1000/15m,signin=1000/1m,signin_email=1000/1m,signin_email_day=1000/1m,public=1000/1m,oauth_callback=1000/1m",
        ),
        ("LATCHKEY_APP_REDIRECTS", "com.example.app:/in"),
        ("LATCHKEY_PROVIDER_TOKENS", "keep"),
        ("LATCHKEY_OIDC", "acme"),
        ("OIDC_ACME_ISSUER", ISSUER),
        ("OIDC_ACME_CLIENT_ID", CLIENT_ID),
        ("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET),
    ];
    let builder = TestApp::builder().clock(clock).fetch(Arc::new(provider.clone()));
    vars.iter().fold(builder, |builder, (name, value)| builder.var(name, value))
}

fn put(path: &str) -> TestRequest {
    TestRequest::new("PUT".parse().expect("a method"), path)
}

fn delete(path: &str) -> TestRequest {
    TestRequest::new("DELETE".parse().expect("a method"), path)
}

/// Everything that anybody can do, each by the function that does it.
async fn work(all: &Deployment) {
    // The keys, made by the first who asks for them.
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        all.ask("Keys", TestRequest::get(path)).await;
    }
    all.operate(json!({ "command": "setup" })).await;
    let sign = |email: &str| TestRequest::post("/v1/signup", &credentials(email, PASSWORD));
    let ada = all.ask("Signup", sign("ada@example.com")).await;
    let ada_id = ada["user"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(all.send("Signup", sign("ada@example.com")).await.status, 409);
    let boss = all.ask("Signup", sign("boss@example.com")).await;
    let boss_id = boss["user"]["id"].as_str().expect("an id").to_owned();
    for command in ["grant", "revoke", "grant"] {
        all.operate(json!({ "command": command, "id": boss_id, "role": "content-editor" })).await;
    }
    all.operate(
        json!({ "command": "grant", "email": "boss@example.com", "role": "admin", "unverified": true }),
    )
    .await;
    all.operate(json!({ "command": "put-role", "role": "spare", "permissions": ["docs:read"] })).await;
    all.operate(json!({ "command": "delete-role", "role": "spare" })).await;
    all.operate(json!({ "command": "disable", "email": "ada@example.com" })).await;
    all.operate(json!({ "command": "enable", "email": "ada@example.com" })).await;
    all.operate(json!({ "command": "rotate-keys" })).await;
    all.operate(json!({ "command": "reseal-secrets" })).await;
    all.operate(json!({ "command": "end-all-sessions" })).await;
    let token = sign_in(all).await;
    sessions(all, &token).await;
    let boss = TestRequest::post("/v1/signin", &credentials("boss@example.com", PASSWORD));
    let boss = all.ask("Signin", boss).await;
    let boss = boss["access_token"].as_str().expect("a token");
    checks(all, boss).await;
    providers::providers(all, boss).await;
    administration(all, boss, &ada_id).await;
    account::own_account(all).await;
    for (name, function) in latchkey_all::operations() {
        // Whatever only shows something, so that a new operation of that kind is judged without a line here.
        let shows = |route: &&Operation| route.method == Method::GET && !route.path.contains('{');
        for route in function.operations().iter().filter(shows) {
            all.send(&function_of(name), TestRequest::get(route.path).bearer(boss)).await;
        }
        let health = all.ask(&function_of(name), TestRequest::get("/health")).await;
        assert_eq!(health["stores"], json!({ "table": "ok", "counters": "ok" }), "{name}");
        // Refused before any route, and written down.
        let forged = TestRequest::post("/v1/anything", &json!({})).header("origin", "https://evil.example");
        assert_eq!(all.send(&function_of(name), forged).await.status, 403, "{name}");
    }
}

/// Right, wrong, unknown, until it locks, and in place of another session.
async fn sign_in(all: &Deployment) -> String {
    let body = credentials("ada@example.com", PASSWORD);
    let cookies = json!({ "email": "ada@example.com", "password": PASSWORD });
    let first = all.send("Signin", TestRequest::post("/v1/signin", &cookies)).await;
    let cookie =
        first.set_cookie("__Host-latchkey-access").and_then(|c| c.split(';').next()).expect("a cookie");
    let cookie = format!("__Host-latchkey-access={cookie}");
    // What was read of the keys is too old by then, and the cookie is checked before anything is signed.
    all.clock.advance(std::time::Duration::from_mins(6));
    for (function, path, mail) in
        [("Signin", "/v1/signin", "ada@example.com"), ("Signup", "/v1/signup", "new@example.com")]
    {
        let again = TestRequest::post(path, &json!({ "email": mail, "password": PASSWORD }));
        let again = again.header("cookie", &cookie).header("sec-fetch-site", "same-origin");
        all.ask(function, again).await;
    }
    for email in ["nobody@example.com"; 1].into_iter().chain(["ada@example.com"; 6]) {
        let wrong = credentials(email, "not the password at all");
        assert_eq!(
            all.send("Signin", TestRequest::post("/v1/signin", &wrong)).await.code(),
            "invalid_credentials"
        );
    }
    assert_eq!(
        all.send("Signin", TestRequest::post("/v1/signin", &body)).await.code(),
        "invalid_credentials"
    );
    all.clock.advance(std::time::Duration::from_mins(16));
    let answer = all.ask("Signin", TestRequest::post("/v1/signin", &body)).await;
    let refresh = json!({ "refresh_token": answer["refresh_token"] });
    let refreshed = all.ask("TokenRefresh", TestRequest::post("/v1/token/refresh", &refresh)).await;
    let next = json!({ "refresh_token": refreshed["refresh_token"] });
    all.ask("TokenRefresh", TestRequest::post("/v1/token/refresh", &next)).await;
    all.clock.advance(std::time::Duration::from_mins(1));
    let reused = all.send("TokenRefresh", TestRequest::post("/v1/token/refresh", &refresh)).await;
    assert_eq!(reused.code(), "invalid_refresh_token");
    assert!(refreshed["access_token"].is_string());
    let answer = all.ask("Signin", TestRequest::post("/v1/signin", &body)).await;
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn sessions(all: &Deployment, token: &str) {
    // A day later it is written that the session was seen.
    all.ask("Session", TestRequest::get("/v1/session").bearer(token)).await;
    let listed = all.ask("Session", TestRequest::get("/v1/sessions").bearer(token)).await;
    let other = listed["sessions"].as_array().expect("sessions").iter().find(|s| s["current"] == false);
    let path = format!("/v1/sessions/{}", other.expect("another session")["id"].as_str().expect("an id"));
    all.ask("Session", delete(&path).bearer(token)).await;
    all.ask("Session", TestRequest::post("/v1/signout/all", &json!({})).bearer(token)).await;
    let body = credentials("ada@example.com", PASSWORD);
    let mut answer = all.ask("Signin", TestRequest::post("/v1/signin", &body)).await;
    // One in eight counts the sessions.
    while !answer["session"]["id"].as_str().expect("an id").ends_with(['0', '8']) {
        all.clock.advance(std::time::Duration::from_mins(1));
        answer = all.ask("Signin", TestRequest::post("/v1/signin", &body)).await;
    }
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    all.ask("Session", TestRequest::post("/v1/signout", &json!({})).bearer(&token)).await;
}

async fn checks(all: &Deployment, token: &str) {
    let fresh = json!({ "permission": "products:read", "fresh": true });
    all.ask("PermissionCheck", TestRequest::post("/v1/permissions/check", &fresh).bearer(token)).await;
    all.ask("PermissionCheck", TestRequest::get("/v1/permissions").bearer(token)).await;
    all.ask("PermissionCheck", TestRequest::get("/v1/authorize?permission=products:read").bearer(token))
        .await;
    let needs = "GET /orders=products:read".parse().expect("a list of routes");
    let services = all.of("Authorizer").app.services.clone();
    let event = json!({
        "version": "2.0", "type": "REQUEST", "routeKey": "GET /orders",
        "headers": { "authorization": format!("Bearer {token}") },
        "requestContext": { "http": { "method": "GET" }, "timeEpoch": 0 },
    });
    let answer = latchkey_authorizer::Authorizer::new(App::new(services), needs).respond(event).await;
    assert_eq!(answer.expect("a decision")["isAuthorized"], true);
}

async fn administration(all: &Deployment, token: &str, ada: &str) {
    let role = json!({ "permissions": ["products:read"] });
    let requests = [
        TestRequest::get("/v1/roles"),
        TestRequest::get("/v1/roles/user"),
        put("/v1/roles/new").json(&role),
        TestRequest::get("/v1/users"),
        TestRequest::get("/v1/users?email=ada@example.com"),
        TestRequest::get(&format!("/v1/users/{ada}")),
        put(&format!("/v1/users/{ada}/roles/new")),
        put(&format!("/v1/users/{ada}/roles/admin")),
        delete(&format!("/v1/users/{ada}/roles/admin")),
        delete(&format!("/v1/users/{ada}/roles/new")),
        delete("/v1/roles/new"),
        TestRequest::get(&format!("/v1/users/{ada}/sessions")),
        delete(&format!("/v1/users/{ada}/sessions")),
        TestRequest::new("PATCH".parse().expect("a method"), &format!("/v1/users/{ada}"))
            .json(&json!({ "status": "disabled" })),
        TestRequest::get("/v1/audit"),
        TestRequest::get(&format!("/v1/audit?user={ada}")),
        delete(&format!("/v1/users/{ada}")),
    ];
    for request in requests {
        all.ask("Admin", request.bearer(token)).await;
    }
}

/// A statement of a function's policy: `(actions, resource, patterns of partition keys)`.
type Statement = (BTreeSet<String>, Value, Option<Vec<String>>);

fn texts(value: &Value) -> Vec<String> {
    let one = value.as_str().map(|text| vec![text.to_owned()]);
    one.unwrap_or_else(|| {
        let several = value.as_array().expect("a text or several").iter();
        several.map(|text| text.as_str().expect("a text").to_owned()).collect()
    })
}

fn statements(function: &Value) -> Vec<Statement> {
    let policies = function["Policies"].as_array().expect("a function has policies").iter();
    let own = policies.filter_map(|policy| policy["Statement"].as_array()).flatten();
    own.map(|statement| {
        assert_eq!(statement["Effect"], "Allow");
        let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        let keys = (!keys.is_null()).then(|| texts(keys));
        (texts(&statement["Action"]).into_iter().collect(), statement["Resource"].clone(), keys)
    })
    .collect()
}

/// `StringLike` with a `*` at the end only.
fn is_like(text: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(text == pattern, |prefix| text.starts_with(prefix))
}

fn allows((actions, resource, keys): &Statement, usage: &Use) -> bool {
    let on_index = resource.get("Fn::Sub").is_some();
    let covers = |partition: &String| keys.iter().flatten().any(|pattern| is_like(partition, pattern));
    actions.contains(usage.action)
        && on_index == usage.index
        && (keys.is_none() && on_index || usage.partitions.iter().all(covers))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_do_its_work() {
    let (template, deployment) = (template(), Deployment::new());
    work(&deployment).await;
    let functions = functions(&template);
    let mut missing = BTreeSet::new();
    for (name, worker) in &deployment.workers {
        let statements = statements(&functions[name]);
        for usage in worker.table.uses() {
            if !statements.iter().any(|statement| allows(statement, &usage)) {
                missing.insert(format!(
                    "{name}: {} of {:?}, index {}",
                    usage.action, usage.partitions, usage.index
                ));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_may_do_what_it_never_does() {
    let (template, deployment) = (template(), Deployment::new());
    work(&deployment).await;
    let functions = functions(&template);
    let mut idle = BTreeSet::new();
    for (name, worker) in &deployment.workers {
        let uses = worker.table.uses();
        for (actions, resource, keys) in statements(&functions[name]) {
            let reads = actions.contains("dynamodb:GetItem");
            let used = |test: &dyn Fn(&Use) -> bool| uses.iter().any(test);
            for action in actions.iter().filter(|_| !reads) {
                if !used(&|usage| usage.action == action.as_str()) {
                    idle.insert(format!("{name}: {action}"));
                }
            }
            let is_its = |usage: &Use| actions.contains(usage.action);
            let verb = if reads {
                "reads"
            } else if actions.contains("dynamodb:DeleteItem") {
                "deletes"
            } else {
                "writes"
            };
            for pattern in keys.iter().flatten() {
                if !used(&|usage| is_its(usage) && usage.partitions.iter().any(|p| is_like(p, pattern))) {
                    idle.insert(format!("{name}: {verb} {pattern}"));
                }
            }
            assert!(keys.is_some() || resource["Fn::Sub"] == "${Table.Arn}/index/index", "{name}");
        }
    }
    // Whoever signs first of all makes the keys.
    for name in ["Signin", "Signup", "OauthCallback"] {
        for partition in ["keys", "jwks"] {
            idle.remove(&format!("{name}: writes {partition}"));
        }
    }
    assert!(idle.is_empty(), "{idle:#?}");
}

#[test]
fn what_checks_permissions_writes_audit_events_alone() {
    let functions = functions(&template());
    let reads = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"].map(str::to_owned).into();
    for (name, writes) in [("PermissionCheck", true), ("Authorizer", false)] {
        let mut others = statements(&functions[name]);
        others.retain(|(actions, _, _)| *actions != reads);
        let put = (["dynamodb:PutItem".to_owned()].into(), Some(vec!["audit#*".to_owned()]));
        let others: Vec<_> = others.into_iter().map(|(actions, _, keys)| (actions, keys)).collect();
        assert_eq!(others, if writes { vec![put] } else { Vec::new() }, "{name}");
    }
}

#[test]
fn nobody_may_delete_or_update_an_audit_event() {
    for (name, function) in functions(&template()) {
        for (actions, resource, keys) in statements(&function) {
            let changes = |action: &String| {
                !action.ends_with("Item") || action.contains("Delete") || action.contains("Update")
            };
            let on_index = resource.get("Fn::Sub").is_some();
            let reaches =
                keys.iter().flatten().any(|pattern| pattern.starts_with("audit") || pattern.starts_with('*'));
            let adds_or_reads = |action: &String| {
                ["PutItem", "GetItem", "BatchGetItem", "Query", "ConditionCheckItem"]
                    .iter()
                    .any(|ok| action == &format!("dynamodb:{ok}"))
            };
            if reaches {
                assert!(actions.iter().all(adds_or_reads), "{name}: {actions:?}");
            }
            assert!(
                on_index || keys.is_some() || !actions.iter().any(changes),
                "{name}: {actions:?} of every partition"
            );
        }
    }
}

#[test]
fn only_what_handles_credentials_touches_them() {
    let touching: Vec<String> = functions(&template())
        .into_iter()
        .filter(|(_, function)| {
            statements(function).iter().any(|(_, _, keys)| keys.iter().flatten().any(|key| key == "email#*"))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        touching,
        ["Account", "Admin", "All", "Identities", "OauthCallback", "Operator", "Session", "Signin", "Signup"]
    );
}

#[test]
fn private_keys_are_read_by_what_signs_alone() {
    let reading: Vec<String> = functions(&template())
        .into_iter()
        .filter(|(_, function)| {
            statements(function).iter().any(|(actions, _, keys)| {
                let reads = actions.iter().any(|action| action.contains("Get") || action.ends_with("Query"));
                reads && keys.iter().flatten().any(|pattern| is_like("keys", pattern))
            })
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(reading, ["Account", "All", "OauthCallback", "Operator", "Signin", "Signup", "TokenRefresh"]);
}

#[test]
fn nobody_scans() {
    for (name, function) in functions(&template()) {
        for (actions, _, _) in statements(&function) {
            assert!(!actions.iter().any(|action| action.contains('*') || action.ends_with("Scan")), "{name}");
        }
    }
}

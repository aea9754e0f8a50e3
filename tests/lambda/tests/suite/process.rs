//! A function as a process, driven by the Runtime API: how it starts, how it refuses to start, what it makes of nonsense.

use std::path::Path;
use std::time::Duration;

use latchkey_aws::dynamodb::{self, Emulator};
use latchkey_core::port::table::Key;
use latchkey_core::port::{Clock, Table};
use latchkey_lambda::{FunctionProcess, RuntimeApi, What};
use latchkey_native::SystemClock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
const SIGNUP: &str = include_str!("../../events/http-api.json");

struct Running {
    api: RuntimeApi,
    process: FunctionProcess,
}

async fn start(variables: &[(&str, &str)]) -> Running {
    let api = RuntimeApi::start().await;
    let variables: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_tested-function"));
    let process = FunctionProcess::start(program, &[], &api.address(), &variables);
    Running { api, process }
}

async fn emulator() -> Emulator {
    let emulator = Emulator::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let client = dynamodb::client(&dynamodb::DynamoDbSettings::emulated(emulator.endpoint()));
    dynamodb::create_table(&client, "latchkey").await.unwrap();
    emulator
}

fn settings(endpoint: &str) -> [(&str, &str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("LATCHKEY_TABLE", "latchkey"),
        ("LATCHKEY_URL", "https://auth.example.com"),
        ("LATCHKEY_SECRET", SECRET),
    ]
}

/// The same person signs in.
fn signin() -> String {
    SIGNUP.replace("/v1/signup", "/v1/signin").replace(r#", \"name\": \"Ada\""#, "")
}

impl Running {
    async fn answer(&mut self, event: &str) -> What {
        assert_eq!(self.api.hear().await.what, What::Next);
        self.api.give(event);
        self.api.hear().await.what
    }

    async fn response(&mut self, event: &str) -> Value {
        match self.answer(event).await {
            What::Response(answer) => answer,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_an_error_and_the_next_one_is_served() {
    let emulator = emulator().await;
    let mut running = start(&settings(emulator.endpoint())).await;
    for event in ["{ broken", "[]", include_str!("../../events/sqs.json"), r#"{"password":"very private"}"#] {
        let What::Error(error) = running.answer(event).await else { panic!("{event} was answered") };
        assert!(error["errorMessage"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        assert!(!error.to_string().contains("private"), "{error}");
    }
    assert_eq!(running.response(SIGNUP).await["statusCode"], 201);
    let (log, _) = running.process.stop().await;
    assert!(!log.contains("private"), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

#[tokio::test]
async fn a_table_that_is_gone_is_503_and_the_log_names_the_event() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mut running = start(&settings(&endpoint)).await;
    let answer = running.response(SIGNUP).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let (log, _) = running.process.stop().await;
    assert!(log.contains("\"request_id\":\"00000000-0000-4000-8000-000000000000\""), "{log}");
    assert!(!log.contains("seven green boats") && !log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn wrong_settings_end_it_with_a_line_for_each_and_tell_lambda() {
    let mut running =
        start(&[("LATCHKEY_URL", "http://auth.example.com"), ("LATCHKEY_LIMITS", "lots")]).await;
    let What::InitError(error) = running.api.hear().await.what else { panic!("it started") };
    assert_eq!(error["errorType"], "Latchkey.Configuration");
    let lines: Vec<String> = error["errorMessage"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| line[..line.find(':').unwrap()].to_owned())
        .collect();
    assert_eq!(lines, ["LATCHKEY_URL", "LATCHKEY_SECRET", "LATCHKEY_LIMITS", "LATCHKEY_TABLE"]);
    let (status, log, _) = running.process.end().await;
    assert_eq!(status.code(), Some(1));
    let logged: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logged.len(), 4, "{log}");
    assert!(logged[1]["message"].as_str().unwrap().contains("openssl rand"), "{log}");
}

#[tokio::test]
async fn outside_lambda_it_says_how_it_is_run() {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_tested-function"))
        .env_clear()
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cargo lambda watch") && text.lines().count() == 1, "{text}");
}

/// Secrets Manager, which gives these secrets one after the other, and the last one for ever.
async fn secrets_manager(secrets: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let given = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let secrets = std::sync::Arc::new(secrets);
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let (given, secrets) = (std::sync::Arc::clone(&given), std::sync::Arc::clone(&secrets));
        async move {
            assert_eq!(request.headers()["x-amz-target"], "secretsmanager.GetSecretValue");
            assert!(request.headers()["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 "));
            let number = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            json!({ "SecretString": secrets[number.min(secrets.len() - 1)] }).to_string()
        }
    });
    tokio::spawn(serve(listener, app));
    url
}

async fn serve(listener: TcpListener, app: axum::Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper_util::service::TowerToHyperService::new(app.clone());
        let io = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

const REFERENCE: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey-AbCdEf";

#[tokio::test]
async fn a_secret_comes_from_secrets_manager_before_the_first_event() {
    let (emulator, secrets) = (emulator().await, secrets_manager(vec![SECRET]).await);
    let mut variables = settings(emulator.endpoint()).to_vec();
    variables[3].1 = REFERENCE;
    variables.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets));
    let mut by_reference = start(&variables).await;
    assert_eq!(by_reference.response(SIGNUP).await["statusCode"], 201);
    // One that has the secret itself opens what the other has sealed.
    let mut by_value = start(&settings(emulator.endpoint())).await;
    let signin = signin();
    assert_eq!(by_value.response(&signin).await["statusCode"], 200);
    for running in [by_reference, by_value] {
        assert_eq!(running.process.stop().await.0, "");
    }
}

#[tokio::test]
async fn a_secret_that_is_wrong_stops_the_start_without_being_shown() {
    let secrets = secrets_manager(vec!["changeme-changeme-changeme-changeme"]).await;
    let mut variables = settings("http://127.0.0.1:9").to_vec();
    variables[3].1 = REFERENCE;
    variables.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets));
    let mut running = start(&variables).await;
    let heard = tokio::time::timeout(Duration::from_secs(30), running.api.hear()).await.unwrap();
    let What::InitError(error) = heard.what else { panic!("it started") };
    let text = error["errorMessage"].as_str().unwrap();
    assert!(text.starts_with("LATCHKEY_SECRET: ") && !text.contains("changeme"), "{text}");
    let (status, log, _) = running.process.end().await;
    assert!(!status.success() && !log.contains("changeme"), "{log}");
}

/// A request as a function URL hands it over.
fn asked(method: &str, path: &str, headers: &Value, body: &Value) -> String {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": { "stage": "$default", "http": { "method": method, "path": path, "sourceIp": "203.0.113.7" } },
        "body": if body.is_null() { Value::Null } else { body.to_string().into() },
        "isBase64Encoded": false,
    })
    .to_string()
}

/// Everything secret of a run: what was sent, what was given, what is stored.
async fn use_it(running: &mut Running, endpoint: &str) -> Vec<String> {
    let (password, wrong) = ("seven green boats at noon", "a mistyped password 1234");
    let mut secrets = vec![SECRET.to_owned(), password.to_owned(), wrong.to_owned()];
    let json_body = json!({ "content-type": "application/json", "host": "auth.example.com" });
    let credentials =
        |password: &str| json!({ "email": "ada@example.com", "password": password, "transport": "bearer" });
    let mut answers = Vec::new();
    for (path, body) in [
        ("/v1/signup", credentials(password)),
        ("/v1/signin", credentials(wrong)),
        ("/v1/signin", json!({ "email": "ada@example.com", "password": password })),
        ("/v1/signin", credentials(password)),
    ] {
        answers.push(running.response(&asked("POST", path, &json_body, &body)).await);
    }
    let body = |answer: &Value| -> Value { serde_json::from_str(answer["body"].as_str().unwrap()).unwrap() };
    let tokens = body(answers.last().unwrap());
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let bearer = json!({ "authorization": format!("Bearer {}", text("access_token")) });
    let forged = json!({
        "cookie": format!("__Host-latchkey-access={}", text("access_token")),
        "origin": "https://evil.example",
        "content-type": "application/json",
    });
    let rogue = "lkr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    secrets.push(rogue.to_owned());
    for event in [
        asked("GET", "/v1/session", &bearer, &Value::Null),
        asked("GET", "/v1/users", &bearer, &Value::Null),
        asked("POST", "/v1/signout/all", &forged, &Value::Null),
        asked("POST", "/v1/token/refresh", &json_body, &json!({ "refresh_token": rogue })),
        asked(
            "POST",
            "/v1/oauth/exchange",
            &json_body,
            &json!({ "code": "lkc_secret-of-an-app", "code_verifier": "verifier-of-an-app" }),
        ),
        asked("POST", "/v1/token/refresh", &json_body, &json!({ "refresh_token": text("refresh_token") })),
        asked("GET", "/v1/oauth/github/start", &json!({ "sec-fetch-mode": "navigate" }), &Value::Null),
    ] {
        answers.push(running.response(&event).await);
    }
    secrets.extend(["lkc_secret-of-an-app", "verifier-of-an-app"].map(str::to_owned));
    for answer in &answers {
        let given: Value =
            answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        secrets.extend(
            ["access_token", "refresh_token"]
                .iter()
                .filter_map(|name| given[name].as_str())
                .map(str::to_owned),
        );
        for cookie in answer["cookies"].as_array().into_iter().flatten() {
            let pair = cookie.as_str().unwrap().split(';').next().unwrap();
            secrets.push(pair.split_once('=').unwrap().1.to_owned());
        }
        let location = answer["headers"]["location"].as_str().unwrap_or_default();
        secrets.extend(
            location.split_once("state=").map(|(_, rest)| rest.split('&').next().unwrap().to_owned()),
        );
    }
    let table = dynamodb::DynamoTable::new(
        dynamodb::client(&dynamodb::DynamoDbSettings::emulated(endpoint)),
        "latchkey".to_owned(),
    );
    let keys = [Key::new("email#ada@example.com", "login"), Key::new("keys", "ring")];
    for item in table.get(&keys, SystemClock.now()).await.unwrap() {
        let stored: Value = item.expect("it is there").decode().unwrap();
        leaves(&stored, &mut |text| secrets.extend((text.len() >= 40).then(|| text.to_owned())));
    }
    secrets.retain(|secret| secret.len() >= 8);
    secrets
}

fn leaves(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, take)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test]
async fn no_variable_makes_a_function_log_a_secret() {
    for (level, finest) in [
        (&[("LATCHKEY_LOG", "trace")][..], true),
        (&[("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")], true),
        (
            &[(
                "LATCHKEY_LOG",
                "debug,lambda_runtime=trace,aws_smithy_runtime=trace,aws_sdk_dynamodb=trace,hyper=trace",
            )],
            true,
        ),
        (&[("RUST_LOG", "trace"), ("LATCHKEY_LOG", "info")], false),
    ] {
        let emulator = emulator().await;
        let mut variables = settings(emulator.endpoint()).to_vec();
        variables
            .extend([("GITHUB_CLIENT_ID", "tested"), ("GITHUB_CLIENT_SECRET", "the-secret-of-the-client")]);
        variables.extend(level);
        let mut running = start(&variables).await;
        let mut secrets = use_it(&mut running, emulator.endpoint()).await;
        assert!(secrets.len() > 16, "{}", secrets.len());
        secrets.push("the-secret-of-the-client".to_owned());
        // A token that is nearly valid: errors are where secrets leak.
        let nearly = json!({ "authorization": "Bearer aaaaaaaaaa.bbbbbbbbbb.cccccccccc" });
        assert_eq!(
            running.response(&asked("GET", "/v1/session", &nearly, &Value::Null)).await["statusCode"],
            401
        );
        secrets.push("bbbbbbbbbb".to_owned());
        let (out, err) = running.process.stop().await;
        let log = out + &err;
        assert_eq!(log.contains("an access token was refused"), finest, "{level:?}: {log}");
        for secret in secrets {
            let part =
                if secret.len() >= 32 { &secret[secret.len() / 4..secret.len() * 3 / 4] } else { &secret };
            assert!(!log.contains(part), "{level:?}: {secret} is in {log}");
        }
    }
}

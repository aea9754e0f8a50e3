//! `latchkey-services` as a person runs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;
use serde_json::{Value, json};
use tempfile::TempDir;

const FREE: [&str; 4] = ["--dynamodb", "127.0.0.1:0", "--upstash", "127.0.0.1:0"];

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-services"));
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TMPDIR", folder).env("RUST_BACKTRACE", "1");
    command.args(arguments);
    command
}

/// The running command, until the test ends it.
struct Services {
    process: Option<Child>,
    stdout: BufReader<ChildStdout>,
    /// Its output.
    said: String,
    variables: BTreeMap<String, String>,
}

impl Services {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder, &[&FREE, arguments].concat());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut services = Self::read(&mut process);
        services.process = Some(process);
        services
    }

    /// Reads the output of `process` until it serves.
    fn read(process: &mut Child) -> Self {
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        while !said.ends_with("# Stop with Ctrl-C.\n") {
            assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "it ended: {said}");
        }
        let pairs =
            said.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('=').unwrap());
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { process: None, stdout, said, variables }
    }

    /// Ends the command as Ctrl-C does, and returns its remaining output.
    fn stop(mut self) -> String {
        let mut process = self.process.take().unwrap();
        let kill = format!("kill -s INT {}", process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(process.wait().unwrap().success());
        rest
    }

    async fn redis(&self, command: Value) -> Value {
        let request = Request::post(&self.variables["UPSTASH_REDIS_REST_URL"])
            .header("authorization", format!("Bearer {}", self.variables["UPSTASH_REDIS_REST_TOKEN"]));
        send(request, command).await
    }

    async fn dynamodb(&self, operation: &str, body: Value) -> Value {
        let request = Request::post(&self.variables["AWS_ENDPOINT_URL_DYNAMODB"])
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00");
        send(request, body).await
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
        }
    }
}

async fn send(request: http::request::Builder, body: Value) -> Value {
    let request = request.body(Bytes::from(body.to_string())).unwrap();
    let answer = HttpFetch::new().fetch(request, Duration::from_mins(1)).await.unwrap();
    serde_json::from_slice(answer.body()).unwrap()
}

fn refused(output: &Output, parts: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.starts_with("latchkey-services: ") && output.stdout.is_empty(), "{told}");
    for part in parts {
        assert!(told.contains(part), "`{part}` is missing: {told}");
    }
}

#[tokio::test]
async fn it_says_what_functions_need_and_serves_both() {
    let folder = TempDir::new().unwrap();
    let services = Services::start(folder.path(), &["--env-file", "functions.env"]);
    assert_eq!(services.variables["LATCHKEY_URL"], "http://localhost:9000");
    assert_eq!(services.variables["LATCHKEY_TABLE"], "latchkey");
    assert_eq!(services.variables["AWS_REGION"], "us-east-1");
    let file = std::fs::read_to_string(folder.path().join("functions.env")).unwrap();
    assert!(services.said.contains(&file) && file.lines().count() == 9, "{file}");
    // The file as a shell reads it.
    let sourced = Command::new("sh")
        .args(["-c", "set -a; . ./functions.env; env"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let sourced = String::from_utf8(sourced.stdout).unwrap();
    assert!(file.lines().all(|line| sourced.lines().any(|other| other == line)), "{sourced}");

    assert_eq!(services.redis(json!(["SET", "k", "v"])).await, json!({"result": "OK"}));
    let table = services.dynamodb("DescribeTable", json!({"TableName": "latchkey"})).await;
    assert_eq!(table["Table"]["GlobalSecondaryIndexes"][0]["IndexName"], "index", "{table}");
    let ttl = services.dynamodb("DescribeTimeToLive", json!({"TableName": "latchkey"})).await;
    assert_eq!(ttl["TimeToLiveDescription"], json!({"AttributeName": "ttl", "TimeToLiveStatus": "ENABLED"}));
    assert_eq!(services.stop(), "# Stopped.\n");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["functions.env"], "Redis is gone with its folder");
}

#[tokio::test]
async fn with_a_folder_it_keeps_everything() {
    let folder = TempDir::new().unwrap();
    let first = Services::start(folder.path(), &["--data", "kept"]);
    first.redis(json!(["SET", "k", "v"])).await;
    let item = json!({"pk": {"S": "p"}, "sk": {"S": "s"}, "body": {"S": "{}"}});
    first.dynamodb("PutItem", json!({"TableName": "latchkey", "Item": item})).await;
    let opened = first.variables.clone();
    first.stop();
    let second = Services::start(folder.path(), &["--data", "kept"]);
    assert_eq!(second.redis(json!(["GET", "k"])).await, json!({"result": "v"}));
    let key = json!({"pk": {"S": "p"}, "sk": {"S": "s"}});
    assert_eq!(second.dynamodb("GetItem", json!({"TableName": "latchkey", "Key": key})).await["Item"], item);
    for name in ["LATCHKEY_SECRET", "UPSTASH_REDIS_REST_TOKEN"] {
        assert_eq!(second.variables[name], opened[name], "{name}");
    }
    second.stop();
}

#[test]
fn without_a_folder_every_start_has_a_secret_of_its_own() {
    let folder = TempDir::new().unwrap();
    let [one, other] = [(); 2].map(|()| Services::start(folder.path(), &[]));
    for name in ["LATCHKEY_SECRET", "UPSTASH_REDIS_REST_TOKEN"] {
        assert_ne!(one.variables[name], other.variables[name], "{name}");
    }
    one.stop();
    other.stop();
}

#[tokio::test]
async fn it_takes_a_redis_that_runs_and_leaves_it_running() {
    let folder = TempDir::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let nobody =
        command(folder.path(), &[&FREE[..], &["--redis", &address.to_string()]].concat()).output().unwrap();
    refused(&nobody, &["no Redis responds at", "leave --redis out"]);

    let port = address.port().to_string();
    let mut redis = Command::new("redis-server")
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let ready = BufReader::new(redis.stdout.take().unwrap())
        .lines()
        .any(|line| line.unwrap().contains("Ready to accept connections"));
    assert!(ready);
    let services = Services::start(folder.path(), &["--redis", &address.to_string()]);
    assert_eq!(services.redis(json!(["PING"])).await, json!({"result": "PONG"}));
    services.stop();
    assert!(redis.try_wait().unwrap().is_none(), "it is not ours to end");
    redis.kill().unwrap();
    redis.wait().unwrap();
}

#[tokio::test]
async fn it_ends_with_its_redis_and_says_why() {
    let folder = TempDir::new().unwrap();
    let mut command = command(folder.path(), &FREE);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let services = Services::read(&mut process);
    let info = services.redis(json!(["INFO", "server"])).await;
    let pid = info["result"]
        .as_str()
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"))
        .unwrap()
        .to_owned();
    assert!(Command::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).status().unwrap().success());
    let output = process.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "latchkey-services: redis-server ended; start again\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_others_could_reach_is_refused() {
    let folder = TempDir::new().unwrap();
    for (option, address) in
        [("--dynamodb", "0.0.0.0:0"), ("--upstash", "[::]:0"), ("--upstash", "192.0.2.1:8079")]
    {
        let mut arguments = FREE.to_vec();
        let place = arguments.iter().position(|argument| *argument == option).unwrap();
        arguments[place + 1] = address;
        refused(&command(folder.path(), &arguments).output().unwrap(), &["reached from outside", "loopback"]);
    }
}

#[test]
fn a_missing_redis_is_told_with_the_command_that_installs_it() {
    let folder = TempDir::new().unwrap();
    let output = command(folder.path(), &FREE).env("PATH", folder.path()).output().unwrap();
    refused(&output, &["redis-server is not installed", "apt-get install redis-server", "--redis"]);
}

#[test]
fn a_taken_port_is_told() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        command(folder.path(), &["--dynamodb", &address, "--upstash", "127.0.0.1:0"]).output().unwrap();
    refused(&output, &["cannot listen on", &address]);
}

//! Amazon's DynamoDB Local, as a second implementation beside the emulator.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A running server, which ends with this process: its shell waits for the pipe to close.
struct Server {
    endpoint: String,
    _shell: Child,
}

/// Returns the URL of the single server that all tests share.
pub fn endpoint() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(start).endpoint
}

fn start() -> Server {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("dynamodb-local");
    assert!(
        fs::exists(folder.join("DynamoDBLocal.jar")).unwrap(),
        "there is no {}: run infra/setup/dynamodb-local",
        folder.display()
    );
    // The server accepts a port but no socket. No other process gets this port in between, because the system
    // assigns ports in turn.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = "java -jar DynamoDBLocal.jar -inMemory -disableTelemetry -port \"$0\" & server=$!; cat >/dev/null <&3; kill $server";
    let mut shell = Command::new("bash")
        .args(["-c", &format!("exec 3<&0; {script}"), &port.to_string()])
        // Path of its SQLite library.
        .env("LD_LIBRARY_PATH", folder.join("DynamoDBLocal_lib"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(shell.stdout.take().unwrap()).lines();
    // This is the last line before the server listens. Only a connection proves that it does.
    let said: Vec<String> =
        said.by_ref().map_while(Result::ok).take_while(|line| !line.starts_with("CorsParams")).collect();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(shell.try_wait().unwrap().is_none(), "DynamoDB Local ended: {said:?}");
        std::thread::yield_now();
    }
    Server { endpoint: format!("http://127.0.0.1:{port}"), _shell: shell }
}

use std::os::unix::fs::PermissionsExt;

use crate::http;
use crate::process::Home;

#[test]
fn the_first_start_says_where_it_is_and_how_to_make_an_admin() {
    let home = Home::new();
    let server = home.serve();
    let data = home.data().canonicalize().unwrap();
    let expected = format!(
        "Latchkey is at      {url}\n\
         Reference           {url}/docs\n\
         Data                {data}\n\
         Make the first admin with\n    {program} users add you@example.com --role admin\n\
         Stop with Ctrl-C.\n",
        url = server.url,
        program = env!("CARGO_BIN_EXE_latchkey"),
        data = data.display(),
    );
    assert_eq!(server.greeting, expected);
    let health = http::get(&format!("{}/health", server.url), None);
    assert_eq!((health.status, health.body["status"].as_str()), (200, Some("ok")));
}

#[test]
fn once_there_is_an_admin_the_start_does_not_ask_for_one() {
    let home = Home::new();
    home.add("grace@example.com", &["--role", "admin"]);
    let server = home.serve();
    assert!(!server.greeting.contains("users add"), "{}", server.greeting);
}

#[test]
fn it_stops_cleanly_when_asked() {
    let home = Home::new();
    for signal in ["INT", "TERM"] {
        let (status, rest) = home.serve().stop(signal);
        assert_eq!((status.code(), rest.as_str()), (Some(0), "Stopped.\n"), "SIG{signal}");
    }
    assert_eq!(std::fs::read_to_string(home.log()).unwrap(), "");
}

#[test]
fn only_the_owner_can_read_the_data() {
    let home = Home::new();
    home.add("ada@example.com", &[]);
    let server = home.serve();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.data()), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(home.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            files += 1;
            assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
        } else {
            assert_eq!(mode(path.clone()), 0o700, "{}", path.display());
        }
    }
    // The database with its log and its index, and the secret.
    assert!(files >= 4, "{files}");
    drop(server);
}

#[test]
fn accounts_sessions_and_tokens_outlive_a_restart() {
    let mut home = Home::new();
    let server = home.serve();
    let answer = http::credentials(&server.url, "signup", "ada@example.com").unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let token = answer.body["access_token"].as_str().unwrap();
    // The same address, because it is the issuer of tokens.
    home.set("LATCHKEY_LISTEN", &format!("127.0.0.1:{}", server.port()));
    server.stop("TERM");
    let server = home.serve();
    let session = http::get(&format!("{}/v1/session", server.url), Some(token));
    assert_eq!((session.status, &session.body["user"]["email"]), (200, &"ada@example.com".into()));
    http::sign_in(&server.url, "ada@example.com");
}

#[test]
fn output_that_nobody_reads_on_is_no_fault() {
    let home = Home::new();
    let mut command = home.command("bash");
    // `true` ends without reading and closes the pipe, while the description is larger than a pipe's buffer.
    let script = r#"set -o pipefail; { "$0" openapi; echo "ended with $?" >&2; } | true"#;
    let output = command.args(["-c", script, crate::process::BINARY]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "ended with 0\n");
}

#[test]
fn the_command_for_the_first_admin_works_as_it_is_printed() {
    for data in ["latchkey-data", "it's here; or $HOME"] {
        let home = Home::new();
        let server = home.serve_with(&["serve", "--data", data]);
        let hint = server.greeting.lines().skip_while(|line| !line.contains("first admin")).nth(1).unwrap();
        let script = format!("printf '%s\\n' 'seven green boats at noon' | {hint} --password-stdin");
        let output = home.command("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{hint}: {output:?}");
        drop(server);
        let server = home.serve_with(&["--data", data]);
        assert!(!server.greeting.contains("first admin"), "{}", server.greeting);
    }
}

#[test]
fn a_log_in_a_file_has_no_colours_and_names_misspelt_variables() {
    let home = Home::new().with("LATCHKEY_LOG", "debug").with("LATCHKEY_ORIGIN", "https://app.example.com");
    std::fs::write(home.path().join(".env"), "LATCHKEY_LIMIT=off\n").unwrap();
    home.serve().stop("TERM");
    let log = std::fs::read_to_string(home.log()).unwrap();
    assert!(!log.contains('\u{1b}'), "{log}");
    assert!(
        log.contains(
            "LATCHKEY_ORIGIN is not a variable of Latchkey and is ignored; rename it to LATCHKEY_ORIGINS"
        ),
        "{log}"
    );
    assert!(log.contains("LATCHKEY_LIMIT is not") && log.contains("LATCHKEY_LIMITS"), "{log}");
}

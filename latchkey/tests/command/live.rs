//! Checks of a running server over HTTP.

use crate::process::Home;

#[test]
fn a_server_on_this_machine_passes_every_check() {
    let home = Home::new().with("LATCHKEY_ORIGINS", "http://localhost:5173");
    let server = home.serve();
    let said = home.run(&["doctor", "--live", &server.url, "--origin", "http://localhost:5173"]);
    assert!(said.status.success(), "{said:?}");
    assert!(said.stdout.lines().all(|line| line.starts_with("ok ")), "{}", said.stdout);
    for good in [
        "stores respond",
        "security headers",
        "clock",
        "public keys",
        "issuer",
        "another site",
        "other origins",
    ] {
        assert!(said.stdout.contains(good), "{good}: {}", said.stdout);
    }
}

#[test]
fn an_origin_that_is_not_listed_is_found_and_the_fix_named() {
    let home = Home::new();
    let server = home.serve();
    let said = home.run(&["doctor", "--live", &server.url, "--origin", "https://app.example.com"]);
    assert_eq!(said.status.code(), Some(1));
    let wrong: Vec<_> = said.stdout.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(wrong, ["wrong pages of https://app.example.com may not call; add it to LATCHKEY_ORIGINS"]);
}

#[test]
fn the_health_of_a_server_is_an_exit_code() {
    let home = Home::new();
    let server = home.serve();
    let said = home.run(&["health", "--url", &server.url]);
    assert!(said.status.success() && said.stdout.contains(r#""status":"ok""#), "{said:?}");
    let url = server.url.clone();
    server.stop("TERM");
    let said = home.run(&["health", "--url", &url]);
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr.contains("does not respond"), "{said:?}");
}

#[test]
fn neither_makes_a_data_folder() {
    let home = Home::new();
    for command in ["doctor --live http://127.0.0.1:9", "health --url http://127.0.0.1:9"] {
        let arguments: Vec<_> = command.split(' ').collect();
        assert_eq!(home.run(&arguments).status.code(), Some(1), "{command}");
    }
    assert!(!home.data().exists());
}

//! Mistakes that stop a start: one line with the mistake and the fix, and an exit code other than 0.

use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use crate::process::{Home, Said};

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    home.run(&["serve", "--listen", &address]).refused(&[&address, "--listen"]);
    assert!(!home.data().exists(), "a server that cannot start leaves nothing behind");
}

#[test]
fn a_secret_that_is_short_or_an_example() {
    for secret in ["abc123", "changemechangemechangemechangemechangeme"] {
        let line = Home::new()
            .with("LATCHKEY_SECRET", secret)
            .run(&[])
            .refused(&["LATCHKEY_SECRET: ", "openssl rand -base64 32"]);
        assert!(!line.contains(secret), "{line}");
    }
}

#[test]
fn any_variable_that_is_wrong() {
    for (name, value, fix) in [
        ("LATCHKEY_URL", "http://auth.example.com", "https://auth.example.com"),
        ("LATCHKEY_ORIGINS", "*", "https://app.example.com"),
        ("LATCHKEY_LIMITS", "signup=lots", "signup=3/15m"),
        ("LATCHKEY_SIGNING_ALG", "HS256", "EdDSA, ES256 or RS256"),
        ("LATCHKEY_ARGON2", "m=1", "m=19456,t=2,p=1"),
        ("LATCHKEY_PASSWORD_MIN", "4", "8 to 64"),
        ("LATCHKEY_AUDIT_DAYS", "0", "1 to 3650"),
        ("LATCHKEY_TRUSTED_PROXIES", "many", "0 to 10"),
    ] {
        Home::plain().with(name, value).run(&[]).refused(&[name, fix]);
    }
}

#[test]
fn an_address_for_others_without_a_url() {
    Home::plain().with("LATCHKEY_LISTEN", "0.0.0.0:0").run(&[]).refused(&["LATCHKEY_URL: is not set"]);
}

#[test]
fn an_env_file_that_cannot_be_read_does_not_show_its_lines() {
    let home = Home::new();
    std::fs::write(home.path().join(".env"), "LATCHKEY_SECRET='hunter2hunter2\n").unwrap();
    let line = home.run(&[]).refused(&[".env, line 1: LATCHKEY_SECRET", "close it"]);
    assert!(!line.contains("hunter2"), "{line}");
    for text in ["LATCHKEY_SECRET=hunter2$hunter2", "LATCHKEY_SECRET=hunter2#hunter2", "\nhunter2\n"] {
        std::fs::write(home.path().join(".env"), text).unwrap();
        let line = home.run(&[]).refused(&[".env, line "]);
        assert!(!line.contains("hunter2"), "{line}");
    }
    assert!(!home.data().exists());
}

#[test]
fn a_secret_that_is_not_text() {
    let home = Home::new();
    let mut command = home.command(crate::process::BINARY);
    command.env("LATCHKEY_SECRET", std::ffi::OsStr::from_bytes(&[0xff; 40]));
    Said::from(command.output().unwrap()).refused(&["LATCHKEY_SECRET: is not UTF-8", "base64"]);
    assert!(!home.data().exists());
}

#[test]
fn a_misspelt_folder_is_not_made() {
    let home = Home::new();
    home.add("grace@example.com", &["--role", "admin"]);
    let typo = home.path().join("typo");
    std::fs::create_dir(home.path().join("empty")).unwrap();
    for command in [
        &["users", "list"][..],
        &["users", "grant", "grace@example.com", "user"],
        &["roles", "init"],
        &["roles", "list"],
        &["keys", "rotate"],
    ] {
        for (folder, path) in [("typo", "/typo"), ("empty", "/empty")] {
            home.run(&[&["--data", folder], command].concat()).refused(&["no data in ", path, "--data"]);
            home.run(&[command, &["--data", folder]].concat()).refused(&["no data in ", path]);
        }
    }
    let doctor = home.run(&["doctor", "--data", "typo"]);
    assert!(doctor.stdout.contains("wrong no data in "), "{doctor:?}");
    assert!(!typo.exists());
    assert_eq!(std::fs::read_dir(home.path().join("empty")).unwrap().count(), 0);
}

#[test]
fn a_shell_without_the_servers_secret() {
    let mut home = Home::new().with("LATCHKEY_SECRET", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=");
    home.add("grace@example.com", &["--role", "admin"]);
    home.set("LATCHKEY_SECRET", "");
    for command in [&["keys", "rotate"][..], &["users", "list"], &["serve"]] {
        home.run(command).refused(&[
            "LATCHKEY_SECRET is not set",
            "latchkey-data",
            "the secret of the server",
        ]);
    }
    assert!(!home.data().join("secret").exists(), "no other secret is made");
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let home = Home::plain().with("LATCHKEY_URL", "http://auth.example.com");
    home.run(&["serve", "--data", "new/below"]).refused(&["LATCHKEY_URL"]);
    let home = home.with("LATCHKEY_URL", "");
    std::fs::create_dir_all(home.data()).unwrap();
    // The mailbox is opened after the secret and the database.
    std::fs::write(home.data().join("mailbox"), "").unwrap();
    home.run(&[]).refused(&["mailbox"]);
    let left: Vec<_> =
        std::fs::read_dir(home.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mailbox"]);
    assert!(!home.path().join("new").exists());
}

#[test]
fn a_data_folder_that_is_a_file() {
    let home = Home::new();
    std::fs::write(home.data(), "").unwrap();
    home.run(&[]).refused(&["latchkey-data", "--data"]);
    let below = home.data().join("below");
    home.run(&["--data", below.to_str().unwrap()]).refused(&["latchkey-data/below", "--data"]);
}

/// Root can write everywhere. For root `tests/full` mounts a read-only file system.
#[test]
fn a_data_folder_that_cannot_be_written() {
    let home = Home::new();
    home.add("ada@example.com", &[]);
    let set = |folder, file| {
        std::fs::set_permissions(home.data(), PermissionsExt::from_mode(folder)).unwrap();
        for entry in std::fs::read_dir(home.data()).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                std::fs::set_permissions(entry.path(), PermissionsExt::from_mode(file)).unwrap();
            }
        }
    };
    set(0o500, 0o400);
    let is_root = std::fs::write(home.data().join("probe"), "").is_ok();
    let said = home.run(&["users", "list"]);
    set(0o700, 0o600);
    if is_root {
        said.succeeded();
    } else {
        said.refused(&["latchkey-data", "write"]);
    }
}

#[test]
fn a_database_that_is_none() {
    let home = Home::new();
    home.write_data("secret", b"fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=");
    home.write_data("latchkey.db", &[0x5a; 8192]);
    home.run(&[]).refused(&["latchkey.db", "is not a SQLite database", "move the file away"]);
    home.run(&["users", "list"]).refused(&["is not a SQLite database"]);
}

#[test]
fn a_database_of_a_newer_version() {
    let home = Home::new();
    home.add("ada@example.com", &[]);
    let database = rusqlite::Connection::open(home.data().join("latchkey.db")).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    drop(database);
    home.run(&[]).refused(&["latchkey.db", "999", "newer"]);
}

#[test]
fn a_database_of_another_program() {
    let home = Home::new();
    home.write_data("secret", b"fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=");
    let database = rusqlite::Connection::open(home.data().join("latchkey.db")).unwrap();
    database.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(database);
    home.run(&[]).refused(&["latchkey.db", "another program"]);
}

#[test]
fn another_secret_than_the_data_was_sealed_with() {
    let home = Home::new();
    home.serve().stop("TERM");
    let home = home.with("LATCHKEY_SECRET", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=");
    home.run(&[]).refused(&["LATCHKEY_SECRET"]);
}

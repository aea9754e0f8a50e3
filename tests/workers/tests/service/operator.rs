//! The schedule and the operator's SQL, over a database that stays.

use std::process::Command;

use latchkey_harness::platform::worker::Start;
use latchkey_harness::platform::{Admin, build, first_admin, process};
use tempfile::TempDir;

use crate::{SECRET, Service, account_in, cheap};

const NEXT: &str = "wjb4tv0iY2WTyCXVzXz1MhrpyXHpQ2lNkLMzSVvzLZk=";

/// Both steps of a new secret, and what the schedule makes of it: then the old one is needed for nothing.
#[test]
fn the_schedule_moves_what_is_sealed_to_a_new_secret() {
    let home = tempfile::tempdir().unwrap();
    account_in(home.path(), Start::new(), "workers-reseal-account");
    let with = |secret: &str, log: &str| {
        let start = Start::new().var("LATCHKEY_SECRET", secret).var("LATCHKEY_URL", "http://localhost");
        start.arg("--data").arg(home.path()).in_wrangler(log).unwrap()
    };
    let both = with(&format!("{NEXT},{SECRET}"), "workers-reseal");
    // The first event moves the hash, the second finds nothing left.
    for _ in 0..2 {
        Service::new(&both).get("/__scheduled?cron=17+*+*+*+*");
    }
    both.logs(&[
        "Resealed 0 values with the first secret",
        "1 were sealed with it already",
        "No stored data needs another secret",
    ])
    .unwrap();
    drop(both);
    let new = with(NEXT, "workers-resealed");
    Service::new(&new).sign_in("cold@example.com").ok(200).unwrap();
}

/// `wrangler d1 execute` on the database in this folder.
fn execute(home: &TempDir, arguments: &[&str]) -> latchkey_harness::Result<String> {
    let mut command = Command::new(process::root().join("node_modules/.bin/wrangler"));
    command.current_dir(process::root()).args(["d1", "execute", "DB", "--local", "--persist-to"]);
    process::run(command.arg(home.path().join("data")).args(arguments), "")
}

/// Commands of the operator, as SQL made of the rows that wrangler gives.
#[test]
fn the_operators_sql_writes_a_role_unless_the_rows_have_changed() {
    let home = tempfile::tempdir().unwrap();
    let root = Admin { email: "root@example.com".to_owned(), password: "violet harbour tundra".to_owned() };
    let sql = first_admin(&home, &root).unwrap();
    account_in(&home.path().join("data"), cheap().arg("--sql").arg(sql), "workers-operate");
    let policy = "SELECT * FROM item WHERE partition = 'policy'";
    let rows = execute(&home, &["--json", "--command", policy]).unwrap();
    let mut operate = Command::new(build("latchkey").unwrap());
    process::without_settings(&mut operate).args(["d1", "operate"]);
    operate.arg(r#"{"command":"put-role","role":"writer","permissions":["texts:write"]}"#);
    let file = home.path().join("operate.sql");
    std::fs::write(&file, process::run(&mut operate, &rows).unwrap()).unwrap();

    let write = ["--yes", "--file", file.to_str().unwrap()];
    execute(&home, &write).unwrap();
    let roles = "SELECT body FROM item WHERE sort = 'roles'";
    let written = execute(&home, &["--json", "--command", roles]).unwrap();
    assert!(written.contains("texts:write"), "{written}");
    let again = execute(&home, &write).unwrap_err().to_string();
    assert!(again.contains("write_0"), "{again}");
}

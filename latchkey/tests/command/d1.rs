//! The SQL of `latchkey d1` runs on a database, once.

use latchkey_sql::MIGRATIONS;
use rusqlite::Connection;

use crate::http::PASSWORD;
use crate::process::Home;

#[test]
fn the_first_admin_is_made_in_an_empty_database_and_only_there() {
    let home = Home::new();
    let arguments = ["d1", "first-admin", "o'hara@example.com", "--name", "O'Hara", "--password-stdin"];
    let sql = home.run_with(&arguments, PASSWORD).succeeded();
    assert!(!sql.contains(PASSWORD));
    assert!(!home.data().exists(), "it touches no database of this machine");

    let database = Connection::open_in_memory().unwrap();
    for migration in MIGRATIONS {
        database.execute_batch(migration.sql).unwrap();
    }
    database.execute_batch(&sql).unwrap();
    let body = |key: &str| -> String {
        database
            .query_row("SELECT body FROM item WHERE partition || '/' || sort = ?1", [key], |row| row.get(0))
            .unwrap()
    };
    assert!(body("policy/roles").contains("content-editor"));
    let login = body("email#o'hara@example.com/login");
    assert!(login.contains("$argon2id$") && login.contains("\"admin\""), "{login}");
    let user: String = database
        .query_row("SELECT json_extract(body, '$.id') FROM item WHERE sort = 'user'", [], |row| row.get(0))
        .unwrap();
    assert!(body("policy/admins").contains(&user));

    let again = database.execute_batch(&sql).unwrap_err().to_string();
    assert!(again.contains("CHECK constraint failed: write_0"), "{again}");
}

#[test]
fn an_account_that_wrong_passwords_locked_is_unlocked() {
    let home = Home::new();
    let arguments = ["d1", "first-admin", "o'hara@example.com", "--password-stdin"];
    let admin = home.run_with(&arguments, PASSWORD).succeeded();
    let unlock = |email: &str| home.run(&["d1", "unlock", email]).succeeded();
    let database = Connection::open_in_memory().unwrap();
    for migration in MIGRATIONS {
        database.execute_batch(migration.sql).unwrap();
    }
    database.execute_batch(&admin).unwrap();
    let text = |sql: &str| -> String { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    database
        .execute_batch("UPDATE item SET body = json_set(body, '$.credential.lockout.failures', 100) WHERE sort = 'login'")
        .unwrap();
    let version = text("SELECT CAST(version AS TEXT) FROM item WHERE sort = 'login'");

    database.execute_batch(&unlock("o'hara@example.com")).unwrap();
    let login = text("SELECT body FROM item WHERE sort = 'login'");
    assert!(!login.contains("lockout") && login.contains("$argon2id$"), "{login}");
    assert_ne!(text("SELECT CAST(version AS TEXT) FROM item WHERE sort = 'login'"), version);
    let user = text("SELECT json_extract(body, '$.id') FROM item WHERE sort = 'user'");
    let event = "FROM item WHERE body LIKE '%signin:unlocked%'";
    assert_eq!(text(&format!("SELECT json_extract(body, '$.user_id') {event}")), user);
    assert_eq!(text(&format!("SELECT index_partition {event}")), format!("audit#user#{user}"));

    let nobody = database.execute_batch(&unlock("nobody@example.com")).unwrap_err().to_string();
    assert!(nobody.contains("NOT NULL constraint failed"), "{nobody}");
    assert_eq!(text(&format!("SELECT CAST(count(*) AS TEXT) {event}")), "1");
}

/// Returns every row in the form of `wrangler d1 execute --json`.
fn rows(database: &Connection) -> String {
    let columns = "'partition', partition, 'sort', sort, 'body', body, 'version', version, 'expires_at', expires_at, \
                   'index_partition', index_partition, 'index_sort', index_sort";
    let sql = format!(
        r#"SELECT '[{{"results":' || json_group_array(json_object({columns})) || ',"success":true}}]' FROM item"#
    );
    database.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn commands_of_the_operator_are_carried_out_on_the_rows_that_are_given() {
    let home = Home::new();
    let admin = home.run_with(&["d1", "first-admin", "o'hara@example.com", "--password-stdin"], PASSWORD);
    let database = Connection::open_in_memory().unwrap();
    for migration in MIGRATIONS {
        database.execute_batch(migration.sql).unwrap();
    }
    database.execute_batch(&admin.succeeded()).unwrap();
    let policy = || -> String {
        database.query_row("SELECT body FROM item WHERE sort = 'roles'", [], |row| row.get(0)).unwrap()
    };
    let operate = |command: &str| home.run_with(&["d1", "operate", command], &rows(&database));

    let put = r#"{"command":"put-role","role":"writer","permissions":["texts:write"],"includes":["user"]}"#;
    let sql = operate(put).succeeded();
    assert!(sql.starts_with("-- Stored the role writer."), "{sql}");
    database.execute_batch(&sql).unwrap();
    assert!(policy().contains("texts:write"));
    let again = database.execute_batch(&sql).unwrap_err().to_string();
    assert!(again.contains("CHECK constraint failed: write_0"), "the rows have changed: {again}");
    let event: String = database
        .query_row("SELECT body FROM item WHERE body LIKE '%role:put%writer%'", [], |row| row.get(0))
        .unwrap();
    assert!(event.contains("texts:write"), "{event}");

    database.execute_batch(&operate(r#"{"command":"end-all-sessions"}"#).succeeded()).unwrap();
    assert!(policy().contains("sessions_from"));
    let grant = r#"{"command":"revoke","email":"o'hara@example.com","role":"admin"}"#;
    operate(grant).refused(&["last"]);
    operate(r#"{"command":"put-role","role":"writer","permissions":["no permission"]}"#)
        .refused(&["no permission"]);
    operate(r#"{"command":"setup"}"#).refused(&["LATCHKEY_SECRET", "the Worker's secret"]);
    operate(r#"{"command":"reseal-secrets"}"#).refused(&["the Worker's own schedule"]);
    let lacking = rows(&database).replace("email#", "gone#");
    home.run_with(&["d1", "operate", put], &lacking).refused(&["lack email#o'hara@example.com", "identity#"]);
    home.run_with(&["d1", "operate", put], "no rows").refused(&["wrangler d1 execute", "SELECT * FROM item"]);
}

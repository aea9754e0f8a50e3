//! What `latchkey d1` prints is SQL that a database takes, once.

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

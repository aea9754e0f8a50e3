//! SQL for a Cloudflare D1 database. This command cannot reach the database, so wrangler runs the SQL.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey_core::account::{Identity, Login, Name, SignUp, User};
use latchkey_core::adapter::{InProcessCache, InProcessCounters};
use latchkey_core::audit::{Action, Actor, Requester};
use latchkey_core::config::Exposure;
use latchkey_core::password::Password;
use latchkey_core::permission::RoleName;
use latchkey_core::port::{Entropy, Mailer, MailerError, Message};
use latchkey_core::{Config, Email, Memory, Ports, Services, UserId};
use latchkey_native::{HttpFetch, SystemClock, SystemEntropy};
use latchkey_sql::sqlite::Sqlite;
use latchkey_sql::{Access, Driver, DriverError, Outcome, SqlTable, Statement, Value};
use serde::Deserialize;

use super::users::read_password;
use super::{Failure, say};
use crate::adapters::{PoolSize, PooledHasher};
use crate::settings::{Environment, SettingsError};

/// Prints SQL that creates the initial roles and the first admin in a database that has neither. In any other
/// database the first of its conditions fails, and nothing is written.
pub(super) async fn first_admin(
    email: Email,
    name: Option<Name>,
    password_stdin: bool,
) -> Result<(), Failure> {
    let written = Written::default();
    let (services, _) = services(Sqlite::open_in_memory()?, written.clone())?;
    services.roles.init().await?;
    let password = Password::new(&read_password(password_stdin)?);
    let sign_up = services.registration.check(SignUp { email, password, name })?;
    services.registration.check_breaches(&sign_up).await?;
    services.users.create_unsealed(&sign_up, &BTreeSet::from([RoleName::ADMIN])).await?;
    say("-- Creates the initial roles and the first admin. This file contains a password hash; delete it \
         after running it.");
    written.print(None);
    Ok(())
}

/// Prints SQL that carries out `command` on the rows from standard input. Each write demands the version of
/// its row, so if a row has changed since, the first condition fails and nothing is written.
pub(super) async fn operate(command: serde_json::Value) -> Result<(), Failure> {
    if command.get("command").is_some_and(|name| name == "reseal-secrets") {
        return Err("only the Worker's own schedule can do that, because it alone sees every account".into());
    }
    let rows = rows(&std::io::read_to_string(std::io::stdin())?)?;
    complete(&rows)?;
    let algorithm = next_algorithm(&rows);
    let database = Sqlite::open_in_memory()?;
    database.run(Access::Write, rows.iter().map(insertion).collect::<Result<_, _>>()?).await?;
    let written = Written::default();
    let (services, secret) = services_of(database, written.clone(), algorithm.as_deref())?;
    let done = latchkey_operator::operate(&services, command).await?;
    if secret == Secret::Made && written.has_keys() {
        return Err("this command writes signing keys; set LATCHKEY_SECRET to the Worker's secret".into());
    }
    say(format_args!("-- {}", done.done));
    say(
        "-- This file and the rows that it was made from contain personal data and sealed values; delete both \
         after running it.",
    );
    if written.has_keys() {
        say(
            "-- The signing keys in it are sealed under the LATCHKEY_SECRET of this environment, which must \
             be the Worker's.",
        );
    }
    written.print(None);
    Ok(())
}

/// Refuses rows that lack a part of an account, because its copies would no longer agree.
fn complete(rows: &[Row]) -> Result<(), Failure> {
    let text = |row: &Row, column: &str| {
        row.get(column).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let known: BTreeSet<_> = rows.iter().map(|row| (text(row, "partition"), text(row, "sort"))).collect();
    for row in
        rows.iter().filter(|row| text(row, "partition").starts_with("user#") && text(row, "sort") == "user")
    {
        let user: User = serde_json::from_str(&text(row, "body"))?;
        let identities = user.identities.values().map(Identity::key);
        for key in std::iter::once(Login::key(&user.email)).chain(identities) {
            if !known.contains(&(key.partition.clone(), key.sort)) {
                return Err(format!(
                    "the rows of the account {} lack {}; select the partitions user#…, email#… and identity#… \
                     as well",
                    user.id, key.partition
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Returns the algorithm of the next signing key, as the Worker's configuration chose it.
fn next_algorithm(rows: &[Row]) -> Option<String> {
    let ring = rows.iter().find(|row| row.get("partition").is_some_and(|text| text == "keys"))?;
    let ring: serde_json::Value = serde_json::from_str(ring.get("body")?.as_str()?).ok()?;
    Some(ring.get("next")?.get("alg")?.as_str()?.to_owned())
}

/// Parses the rows of the table `item` from the output of `wrangler d1 execute --json`: a list of results,
/// one for each statement.
fn rows(text: &str) -> Result<Vec<Row>, Failure> {
    #[derive(Deserialize)]
    struct Selected {
        results: Vec<Row>,
    }
    let selected: Vec<Selected> = serde_json::from_str(text).map_err(|error| {
        format!(
            "standard input is not the JSON of `wrangler d1 execute latchkey --remote --json --command \"SELECT * FROM item …\"` \
             ({error}): pipe that command into this one"
        )
    })?;
    Ok(selected.into_iter().flat_map(|selected| selected.results).collect())
}

type Row = serde_json::Map<String, serde_json::Value>;

const COLUMNS: [&str; 7] =
    ["partition", "sort", "body", "version", "expires_at", "index_partition", "index_sort"];

fn insertion(row: &Row) -> Result<Statement, Failure> {
    let value = |column: &&str| match row.get(*column) {
        Some(serde_json::Value::String(text)) => Ok(Value::Text(text.clone())),
        Some(serde_json::Value::Null) => Ok(Value::Null),
        Some(serde_json::Value::Number(number)) if number.is_i64() => {
            Ok(Value::Integer(number.as_i64().unwrap_or_default()))
        }
        _ => Err(format!("a row has no usable {column}: select every column, `SELECT * FROM item`")),
    };
    let sql = format!("INSERT INTO item ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", COLUMNS.join(", "));
    Ok(Statement { sql: sql.into(), params: COLUMNS.iter().map(value).collect::<Result<_, String>>()? })
}

/// Prints SQL that ends the lock or the stop of an account and writes the audit event. If the address has no
/// account, the first statement fails, and nothing is written.
pub(super) async fn unlock(email: &Email) -> Result<(), Failure> {
    let written = Written::default();
    let (services, _) = services(Sqlite::open_in_memory()?, written.clone())?;
    let login = Login::key(email);
    let place = format!("partition = {} AND sort = {}", quoted(&login.partition), quoted(&login.sort));
    // Only the database knows the identifier of the account.
    let user = UserId::from_bytes([0; 16]);
    let stand_in = StandIn {
        text: user.to_string(),
        value: format!("(SELECT json_extract(body, '$.user.id') FROM item WHERE {place})"),
    };
    let mut event = services.audit.event(Action::SigninUnlocked, Actor::Operator, &Requester::default())?;
    event.user_id = Some(user);
    services.audit.append(&event).await?;
    say(
        "-- Ends the lock of an account. \"NOT NULL constraint failed\" means that the address has no account.",
    );
    written.print(Some(&stand_in));
    say(format_args!(
        "UPDATE item SET body = json_remove(body, '$.credential.lockout'), version = version + 1 \
         WHERE {place} AND json_extract(body, '$.credential.lockout') IS NOT NULL;"
    ));
    Ok(())
}

/// A placeholder text that the database replaces by a lookup.
struct StandIn {
    text: String,
    /// Lookup, in SQL.
    value: String,
}

/// Origin of the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    /// The environment gives it.
    Given,
    /// This process generated it, so nobody else has it.
    Made,
}

/// Builds services over a database in memory. Their writes depend on the cost of a hash and the retention of
/// events, but not on the service's address. Only signing keys depend on the secret.
fn services(database: Sqlite, written: Written) -> Result<(Services, Secret), Failure> {
    services_of(database, written, None)
}

/// Builds the same services, with an algorithm for new signing keys if the environment names none.
fn services_of(
    database: Sqlite,
    written: Written,
    algorithm: Option<&str>,
) -> Result<(Services, Secret), Failure> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let made = STANDARD.encode(entropy.bytes::<32>()?);
    let environment = Environment::read()?;
    let var = |name: &str| match name {
        "LATCHKEY_URL" => Some("http://localhost".to_owned()),
        "LATCHKEY_SECRET" => environment.get(name).or_else(|| Some(made.clone())),
        "LATCHKEY_SIGNING_ALG" => environment.get(name).or_else(|| algorithm.map(str::to_owned)),
        other => environment.get(other),
    };
    let secret = if environment.get("LATCHKEY_SECRET").is_some() { Secret::Given } else { Secret::Made };
    let config = Config::read(var, Exposure::Local).map_err(SettingsError::Config)?;
    let ports = Ports {
        table: Arc::new(SqlTable::new(Recorder { database, written })),
        counters: Arc::new(InProcessCounters::default()),
        cache: Arc::new(InProcessCache::default()),
        mailer: Arc::new(NoMail),
        fetch: Arc::new(HttpFetch::new()),
        clock: Arc::new(SystemClock),
        entropy,
        hasher: Arc::new(PooledHasher::new(&PoolSize::default())?),
    };
    Ok((Services::new(Arc::new(config), ports, &Memory::default()), secret))
}

/// All written statements with their conditions.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<Statement>>>);

impl Written {
    fn print(&self, stand_in: Option<&StandIn>) {
        for statement in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            say(format_args!("{};", literal(statement, stand_in)));
        }
    }

    /// Returns true if signing keys are written.
    fn has_keys(&self) -> bool {
        let is_keys = |value: &Value| matches!(value, Value::Text(text) if text == "keys" || text == "jwks");
        let statements = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        statements.iter().any(|statement| statement.params.iter().any(is_keys))
    }
}

/// A database that records its statements.
struct Recorder {
    database: Sqlite,
    written: Written,
}

#[async_trait]
impl Driver for Recorder {
    async fn run(&self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError> {
        let outcomes = self.database.run(access, batch.clone()).await?;
        if access == Access::Write {
            self.written.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        }
        Ok(outcomes)
    }
}

struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _: &Message) -> Result<(), MailerError> {
        Err(MailerError::Unavailable("this command sends no mail".to_owned()))
    }
}

/// Returns a text as an SQL literal.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns a statement with its values as literals, and with the lookup in place of its placeholder.
fn literal(statement: &Statement, stand_in: Option<&StandIn>) -> String {
    let mut pieces = statement.sql.split('?');
    let mut sql = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
        let (number, rest) = piece.split_at(end);
        let value =
            number.parse::<usize>().ok().and_then(|number| statement.params.get(number.checked_sub(1)?));
        match value {
            Some(Value::Integer(number)) => sql.push_str(&number.to_string()),
            Some(Value::Text(text)) => match stand_in.filter(|stand_in| text.contains(&stand_in.text)) {
                None => sql.push_str(&quoted(text)),
                Some(StandIn { text: placeholder, value }) => {
                    let (text, placeholder) = (quoted(text), quoted(placeholder));
                    sql.extend(["replace(", &text, ", ", &placeholder, ", ", value, ")"]);
                }
            },
            Some(Value::Null) | None => sql.push_str("NULL"),
        }
        sql.push_str(rest);
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_their_numbers_stood() {
        let params =
            (1..=9).map(Value::Integer).chain([Value::Text("O'Hara ?1".into()), Value::Null]).collect();
        let statement = Statement { sql: "SELECT ?1, ?10, ?11 WHERE a = ?2)".into(), params };
        assert_eq!(literal(&statement, None), "SELECT 1, 'O''Hara ?1', NULL WHERE a = 2)");
    }
}

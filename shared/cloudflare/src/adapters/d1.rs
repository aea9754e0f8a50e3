use async_trait::async_trait;
use latchkey_sql::{Access, Driver, DriverError, Outcome, Row, Statement, Value, failed_check};
use worker::send::SendFuture;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result, Error};

use crate::request;

/// Largest exact integer in JavaScript. D1 accepts and returns numbers as JavaScript numbers.
const SAFE: i64 = (1 << 53) - 1;

/// A D1 database. Its batch is one transaction and one round trip.
///
/// Requests use no session, so every batch goes to the primary even if there are replicas. Reads are
/// therefore strongly consistent.
#[derive(Debug, Clone, Copy)]
pub struct D1 {
    binding: &'static str,
}

impl D1 {
    /// Creates a database from the name of its binding, which each request looks up.
    pub const fn new(binding: &'static str) -> Self {
        Self { binding }
    }

    async fn batch(self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError> {
        let database =
            request::d1(self.binding).map_err(|error| DriverError::Unavailable(error.to_string()))?;
        let statements =
            batch.iter().map(|statement| prepare(&database, statement)).collect::<Result<_, _>>()?;
        let results = database.batch(statements).await.map_err(|error| failure(&error))?;
        results.iter().map(|result| self.outcome(access, result)).collect()
    }

    fn outcome(self, access: Access, result: &D1Result) -> Result<Outcome, DriverError> {
        let unreadable =
            |error: Error| DriverError::Corrupt { at: self.binding.to_owned(), why: message(&error) };
        let rows = result.results::<Row>().map_err(unreadable)?;
        let changes = match access {
            Access::Read => None,
            Access::Write => result.meta().map_err(unreadable)?.and_then(|meta| meta.changes),
        };
        Ok(Outcome { rows, changed: changes.map_or(0, |changes| changes as u64) })
    }
}

#[async_trait]
impl Driver for D1 {
    async fn run(&self, access: Access, batch: Vec<Statement>) -> Result<Vec<Outcome>, DriverError> {
        SendFuture::new(self.batch(access, batch)).await
    }
}

fn prepare(database: &D1Database, statement: &Statement) -> Result<D1PreparedStatement, DriverError> {
    let values: Vec<JsValue> = statement.params.iter().map(value).collect();
    database.prepare(&*statement.sql).bind(&values).map_err(|error| failure(&error))
}

fn value(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        // Only times after the year 287396 and versions that no item has are clamped.
        #[expect(clippy::cast_precision_loss, reason = "exact up to SAFE")]
        Value::Integer(number) => JsValue::from_f64((*number).clamp(-SAFE, SAFE) as f64),
        Value::Text(text) => JsValue::from_str(text),
    }
}

/// Returns the meaning of a D1 error. Only after a failed check it is certain that nothing was changed.
fn failure(error: &Error) -> DriverError {
    let text = message(error);
    match failed_check(&text) {
        Some(constraint) => DriverError::Check(constraint.to_owned()),
        None if text.contains("no such table") => DriverError::Unavailable(format!(
            "{text}; create the tables with `npx wrangler d1 migrations apply DB --remote` (--local for \
             wrangler dev)"
        )),
        None => DriverError::Unavailable(text),
    }
}

fn message(error: &Error) -> String {
    match error {
        Error::D1(error) => {
            let error: &worker::js_sys::Error = error.as_ref();
            error.message().into()
        }
        other => other.to_string(),
    }
}

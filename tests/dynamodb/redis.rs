//! Upstash's side of the connection: it accepts Latchkey's commands and records their size. The behaviour of
//! a real Redis is tested in `infra/services/tests`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::port::{Fetch, FetchError};
use latchkey_upstash::UpstashSettings;
use serde_json::{Value, json};

/// One command and its response.
pub struct Command {
    pub name: String,
    /// Bytes of the bodies.
    pub sent: usize,
    pub received: usize,
    /// Number of commands that Upstash bills for it.
    pub billed: u32,
}

/// Returns the number of billed commands. Upstash bills a script and every command that it runs, but neither
/// `PING` nor other commands of operation: <https://upstash.com/docs/redis/sdks/ratelimit-ts/costs> and
/// <https://upstash.com/docs/redis/overall/billing>.
fn billed(command: &[String]) -> u32 {
    match command[0].as_str() {
        // One MGET of all windows, and a SET of each, because every window has room here.
        "EVAL" => 2 + command[2].parse::<u32>().unwrap(),
        "PING" => 0,
        _ => 1,
    }
}

#[derive(Default)]
pub struct Redis {
    commands: Mutex<Vec<Command>>,
    values: Mutex<HashMap<String, String>>,
}

impl Redis {
    pub fn settings() -> UpstashSettings {
        let find = |name: &str| match name {
            "UPSTASH_REDIS_REST_URL" => Some("https://eu1-example-12345.upstash.io".to_owned()),
            "UPSTASH_REDIS_REST_TOKEN" => Some("AXkqASQgN2FhZjY4ZTct".to_owned()),
            "LATCHKEY_URL" => Some(latchkey_testkit::URL.to_owned()),
            _ => None,
        };
        UpstashSettings::read(find).unwrap().unwrap()
    }

    /// Returns the commands since the last call.
    pub fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().unwrap())
    }

    fn run(&self, command: &[String]) -> Value {
        let mut values = self.values.lock().unwrap();
        match command[0].as_str() {
            // Every window has room.
            "EVAL" => [1, 0, 1].repeat(command[2].parse().unwrap()).into(),
            "GET" => values.get(&command[1]).map_or(Value::Null, |value| json!(value)),
            "SET" => {
                values.insert(command[1].clone(), command[2].clone());
                json!("OK")
            }
            "DEL" => json!(u8::from(values.remove(&command[1]).is_some())),
            "PING" => json!("PONG"),
            other => panic!("Latchkey sends no {other}"),
        }
    }
}

#[async_trait]
impl Fetch for Redis {
    async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        let command: Vec<String> = serde_json::from_slice(request.body()).unwrap();
        let answer = Bytes::from(json!({"result": self.run(&command)}).to_string());
        let (name, sent, received) = (command[0].clone(), request.body().len(), answer.len());
        self.commands.lock().unwrap().push(Command { name, sent, received, billed: billed(&command) });
        Ok(Response::new(answer))
    }
}

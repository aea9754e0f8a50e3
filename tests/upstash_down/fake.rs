//! A fake Upstash that responds as a test tells it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::port::{Fetch, FetchError};
use latchkey_upstash::UpstashSettings;
use serde_json::{Value, json};

pub const TOKEN: &str = "AXkqASQgN2FhZjY4ZTct";

/// Behaviour of the fake.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Responds as Upstash does when every window has room.
    Well,
    /// Does not respond in time. The test does not wait: the port reports the timeout itself.
    Slow,
    /// The connection fails.
    Down,
    /// Responds with more than is read.
    Huge,
    /// Responds with this status and body.
    Says(u16, String),
}

impl Mood {
    pub fn says(status: u16, body: &str) -> Self {
        Self::Says(status, body.to_owned())
    }
}

/// A `Fetch` instead of the network.
pub struct Fake {
    mood: Mutex<Mood>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl Fake {
    pub fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { mood: Mutex::new(mood), requests: Mutex::default() })
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Returns the number of requests.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fetch for Fake {
    async fn fetch(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Bytes>, FetchError> {
        let command: Value = serde_json::from_slice(request.body()).unwrap();
        self.requests.lock().unwrap().push(request);
        match self.mood.lock().unwrap().clone() {
            Mood::Well => Ok(answer(200, &json!({"result": well(&command)}).to_string())),
            Mood::Slow => Err(FetchError::Timeout(deadline)),
            Mood::Down => Err(FetchError::Connection("connection refused".to_owned())),
            Mood::Huge => Err(FetchError::TooLarge),
            Mood::Says(status, body) => Ok(answer(status, &body)),
        }
    }
}

fn well(command: &Value) -> Value {
    match command[0].as_str().unwrap() {
        "EVAL" => {
            let windows: usize = command[2].as_str().unwrap().parse().unwrap();
            [1, 0, 1].repeat(windows).into()
        }
        "PING" => json!("PONG"),
        "SET" => json!("OK"),
        "DEL" => json!(1),
        _ => Value::Null,
    }
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
}

/// Returns the settings of a database at `url`.
pub fn settings(url: &str) -> UpstashSettings {
    let vars = [("UPSTASH_REDIS_REST_URL", url), ("UPSTASH_REDIS_REST_TOKEN", TOKEN)];
    let find = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    UpstashSettings::read(find).unwrap().unwrap()
}

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::port::{Fetch, FetchError};
use latchkey_testkit::{SeededEntropy, TestClock};
use serde_json::json;

use super::*;
use crate::settings::Aws;

const REFERENCE: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey-AbCdEf";
const FIRST: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
const SECOND: &str =
    "0fX2mVQq3sUjQm8y1r7Lw5k9Zt4NbHc6EaGdPiSoTuY=,fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";

/// A fake Secrets Manager that returns the given values, and then 500.
#[derive(Default)]
struct Secrets(Mutex<VecDeque<&'static str>>);

#[async_trait]
impl Fetch for Secrets {
    async fn fetch(&self, _: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        let secret = self.0.lock().unwrap().pop_front();
        let mut response = Response::new(Bytes::from(json!({ "SecretString": secret }).to_string()));
        if secret.is_none() {
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok(response)
    }
}

struct Running {
    live: Live<()>,
    clock: Arc<TestClock>,
    secrets: Arc<Secrets>,
}

async fn start(secret: &'static str) -> Running {
    let (clock, secrets) = (Arc::new(TestClock::new()), Arc::new(Secrets::default()));
    secrets.0.lock().unwrap().push_back(FIRST);
    let var: Var = Arc::new(move |name| {
        let value = match name {
            "LATCHKEY_URL" => "https://auth.example.com",
            "LATCHKEY_SECRET" => secret,
            "LATCHKEY_TABLE" => "latchkey",
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "emulated",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let aws = Aws {
        fetch: Arc::<Secrets>::clone(&secrets),
        clock: Arc::<TestClock>::clone(&clock),
        entropy: Arc::new(SeededEntropy::new(1)),
        var: Arc::clone(&var),
    };
    let live = Live::start(Box::new(|_, _| Ok(())), Platform::over(aws), var).await.unwrap();
    Running { live, clock, secrets }
}

impl Running {
    /// Advances the time and handles the next event while Secrets Manager has `secret`. Returns the value
    /// that the app uses then.
    async fn after(&self, time: Duration, secret: Option<&'static str>) -> String {
        self.clock.advance(time);
        *self.secrets.0.lock().unwrap() = secret.into_iter().collect();
        self.live.renew().await;
        self.live.state().settings.get("LATCHKEY_SECRET").unwrap()
    }

    /// Returns true if Secrets Manager has been called since.
    fn asked(&self) -> bool {
        self.secrets.0.lock().unwrap().is_empty()
    }
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_rotated_secret_is_taken_up_after_five_minutes() {
    let running = start(REFERENCE).await;
    assert_eq!(running.after(4 * MINUTE, Some(SECOND)).await, FIRST);
    assert!(!running.asked(), "too early");
    assert_eq!(running.after(MINUTE, Some(SECOND)).await, SECOND);
    assert_eq!(running.after(4 * MINUTE, Some(FIRST)).await, SECOND);
    assert!(!running.asked(), "it was read a moment ago");
}

#[tokio::test]
async fn a_failure_leaves_the_secret_and_is_tried_again_after_a_minute() {
    let running = start(REFERENCE).await;
    assert_eq!(running.after(5 * MINUTE, None).await, FIRST);
    assert_eq!(running.after(MINUTE / 2, Some(SECOND)).await, FIRST);
    assert!(!running.asked(), "too early");
    assert_eq!(running.after(MINUTE / 2, Some(SECOND)).await, SECOND);
}

#[tokio::test]
async fn a_secret_that_is_wrong_does_not_take_the_place_of_a_good_one() {
    let running = start(REFERENCE).await;
    assert_eq!(running.after(5 * MINUTE, Some("short")).await, FIRST);
    assert!(running.asked());
}

/// A secret that was replaced while the container was frozen is loaded before the first event, not beside it.
#[tokio::test]
async fn a_container_that_stood_still_reads_its_settings_before_it_goes_on() {
    let running = start(REFERENCE).await;
    running.clock.advance(14 * MINUTE);
    *running.secrets.0.lock().unwrap() = [SECOND].into();
    running.live.app().await;
    assert!(!running.asked(), "a little late: beside the event");
    running.clock.advance(MINUTE);
    running.live.app().await;
    assert_eq!(running.live.state().settings.get("LATCHKEY_SECRET").unwrap(), SECOND);
}

#[tokio::test]
async fn values_are_never_asked_for() {
    let running = start(FIRST).await;
    assert_eq!(running.after(60 * MINUTE, Some(SECOND)).await, FIRST);
    assert!(!running.asked());
}

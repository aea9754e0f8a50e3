//! The whole service as a Worker: what is peculiar to the platform. Each test starts a Worker of its own, so they run one after
//! the other: `cargo test -p latchkey-tests-workers --features workerd -- --test-threads=1`. The cases of tests/e2e run in workerd
//! too.

#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "a test")]

mod binding;
mod budget;
mod burst;
mod faults;
mod operator;
mod settings;
mod starts;

use std::path::Path;

use latchkey_harness::platform::OUT_OF_THE_WAY;
use latchkey_harness::platform::worker::{Start, Worker};
use latchkey_harness::{Answer, Client, Request, bearer};
use serde_json::json;

pub(crate) const PASSWORD: &str = "seven green boats at noon";
pub(crate) const SECRET: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
/// The client's, as Cloudflare tells it to a Worker.
pub(crate) const HERE: &str = "192.0.2.1";

/// Cheap hashes.
pub(crate) fn cheap() -> Start {
    Start::new().var("LATCHKEY_ARGON2", "m=8,t=1,p=1")
}

/// Cheap hashes, and limits that are out of the way.
pub(crate) fn open() -> Start {
    cheap().var("LATCHKEY_LIMITS", OUT_OF_THE_WAY)
}

/// The service as one client sees it.
pub(crate) struct Service(Client);

impl Service {
    pub(crate) fn new(worker: &Worker) -> Self {
        Self(worker.client(HERE))
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        self.0.send(request).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&Request::get(path))
    }

    /// Opens a door of `harness/entry.mjs`.
    pub(crate) fn door(&self, name: &str) -> Answer {
        self.get(&format!("/harness/{name}")).ok(200).unwrap()
    }

    pub(crate) fn sign_up(&self, email: &str) -> Answer {
        self.send(&Request::post("/v1/signup").json(&bearer(email, PASSWORD)))
    }

    pub(crate) fn sign_in(&self, email: &str) -> Answer {
        self.send(&sign_in(email))
    }

    pub(crate) fn check(&self, token: &str, fresh: bool) -> Answer {
        self.send(&check(token, fresh))
    }

    /// All at the same moment, each on a connection of its own.
    pub(crate) fn at_once(&self, requests: &[Request]) -> Vec<Answer> {
        self.0.at_once(requests).unwrap()
    }
}

pub(crate) fn sign_in(email: &str) -> Request {
    Request::post("/v1/signin").json(&bearer(email, PASSWORD))
}

pub(crate) fn check(token: &str, fresh: bool) -> Request {
    let body = json!({ "permission": "products:read", "fresh": fresh });
    Request::post("/v1/permissions/check").json(&body).bearer(token)
}

/// Asserts that this is the problem, as every problem is told, with nothing from within.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let answer = answer.clone().problem(status, code).unwrap();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.all(name), [value], "{name}");
    }
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(answer.headers.contains_key("retry-after"), [429, 503].contains(&status));
    let text = answer.json().to_string();
    for inner in ["DB", "CACHE", "LATCHKEY", "binding", "D1", "KV", "table", "UPSTASH", "Error:"] {
        assert!(!text.contains(inner), "{text}");
    }
}

/// A database in a folder with an account in it, by a Worker that ends; the account's token.
pub(crate) fn account_in(data: &Path, start: Start, log: &str) -> String {
    let worker = kept_in(data, start).in_wrangler(log).unwrap();
    Service::new(&worker).sign_up("cold@example.com").ok(201).unwrap().text("access_token")
}

/// A Worker over the database in a folder, with the same secret and URL each time.
pub(crate) fn kept_in(data: &Path, start: Start) -> Start {
    start.var("LATCHKEY_SECRET", SECRET).var("LATCHKEY_URL", "http://localhost").arg("--data").arg(data)
}

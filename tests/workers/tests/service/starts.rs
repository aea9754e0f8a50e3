//! A Worker that has answered nothing yet, and one that lacks something.

use latchkey_harness::Request;
use latchkey_harness::platform::worker::Start;

use crate::{Service, account_in, assert_problem, cheap, check, kept_in};

#[test]
fn first_requests_at_once_all_get_what_they_need() {
    let home = tempfile::tempdir().unwrap();
    let token = account_in(home.path(), Start::new(), "workers-cold-account");
    let worker = kept_in(home.path(), Start::new()).in_workerd("all", "workers-cold").unwrap();
    for answer in Service::new(&worker).at_once(&vec![check(&token, false); 20]) {
        answer.ok(200).unwrap();
    }
    worker.stop_untroubled().unwrap();
}

#[test]
fn a_worker_that_is_not_set_up_says_so_and_logs_the_fix() {
    for (start, logged) in [
        (Start::new().arg("--without").arg("CACHE"), &["the binding CACHE is missing; add it to"][..]),
        (Start::new().arg("--without").arg("DB"), &["the binding DB is missing; add it to"]),
        (Start::new().var("LATCHKEY_SECRET", "short"), &["LATCHKEY_SECRET: ", "openssl rand"]),
        (Start::new().var("LATCHKEY_SECRET", ""), &["LATCHKEY_SECRET: ", "openssl rand"]),
    ] {
        let worker = start.in_workerd("all", "workers-misconfigured").unwrap();
        for path in ["/health", "/v1/session", "/nowhere"] {
            assert_problem(&Service::new(&worker).get(path), 503, "misconfigured");
        }
        worker.logs(logged).unwrap();
    }
}

#[test]
fn without_tables_a_sign_up_is_told_to_come_again() {
    let worker = Start::new().arg("--no-tables").in_workerd("all", "workers-tables").unwrap();
    for _ in 0..2 {
        assert_problem(&Service::new(&worker).sign_up("ada@example.com"), 503, "unavailable");
    }
    worker.logs(&["no such table", "npx wrangler d1 migrations apply DB"]).unwrap();
}

/// Longer than the client of other tests takes.
#[test]
fn an_address_that_is_too_long_is_answered_as_any_problem_is() {
    let worker = cheap().in_workerd("all", "workers-long").unwrap();
    let request = Request::get(&format!("/{}", "a".repeat(66_000)));
    assert_problem(&worker.client(crate::HERE).send_raw(&request).unwrap(), 400, "invalid_request");
}

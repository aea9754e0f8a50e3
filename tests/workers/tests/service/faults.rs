//! Faults beside a Worker, and in it.

use std::net::TcpListener;

use latchkey_harness::platform::worker::Start;

use crate::{Service, assert_problem, cheap, open};

#[test]
fn while_d1_fails_nobody_signs_in_and_after_it_everybody_does() {
    let worker = open().in_workerd("all", "workers-d1").unwrap();
    let (service, email) = (Service::new(&worker), "d1@example.com");
    service.sign_up(email).ok(201).unwrap();
    service.door("break/DB");
    for _ in 0..3 {
        assert_problem(&service.sign_in(email), 503, "unavailable");
    }
    service.door("fix/DB");
    service.sign_in(email).ok(200).unwrap();
    worker.logs(&["D1_ERROR: Network connection lost", "could not be served"]).unwrap();
}

/// Roles are read from D1 then.
#[test]
fn while_kv_fails_everything_is_answered() {
    let worker = open().in_workerd("all", "workers-kv").unwrap();
    let service = Service::new(&worker);
    service.door("break/CACHE");
    let token = service.sign_up("kv@example.com").ok(201).unwrap().text("access_token");
    for fresh in [false, true] {
        service.check(&token, fresh).ok(200).unwrap();
    }
    worker.logs(&["KV is lost", "the cached roles could not be read"]).unwrap();
}

#[test]
fn without_redis_people_sign_in_and_quotas_hold_in_process() {
    // Free again in a moment.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = cheap().var("UPSTASH_REDIS_REST_URL", &format!("http://{nobody}"));
    let start = start.var("UPSTASH_REDIS_REST_TOKEN", "nobody-asks");
    let worker = start.in_workerd("all", "workers-redis").unwrap();
    let service = Service::new(&worker);
    service.sign_up("upstash@example.com").ok(201).unwrap();
    service.sign_in("upstash@example.com").ok(200).unwrap();
    for n in 0..2 {
        service.sign_up(&format!("upstash{n}@example.com")).ok(201).unwrap();
    }
    assert_problem(&service.sign_up("fourth@example.com"), 429, "rate_limited");
    worker.logs(&["limited in process only", "Upstash"]).unwrap();
}

/// Memory that cannot be had aborts Rust, as a panic does. With hashes of the default strength, none of them made yet.
#[test]
fn after_an_abort_the_next_request_finds_a_new_instance() {
    let worker = Start::new().in_workerd("all", "workers-aborted").unwrap();
    let (service, email) = (Service::new(&worker), "aborted@example.com");
    service.get("/health").ok(200).unwrap();
    service.door("exhaust");
    service.sign_up(email).ok(500).unwrap();
    service.sign_up(email).ok(201).unwrap();
    service.sign_in(email).ok(200).unwrap();
    worker.logs(&["RuntimeError: unreachable"]).unwrap();
}

//! Hashes of the default strength, and more sign-ins at once than there is time for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use latchkey_harness::platform::OUT_OF_THE_WAY;
use latchkey_harness::platform::worker::{Start, Worker};

use crate::{Service, assert_problem};

const AT_ONCE: usize = 100;
/// The fewest that a slow machine serves within the time that a sign-in may wait for its hash.
const LEAST: usize = 16;
/// The memory that Cloudflare gives an isolate, in bytes.
const ISOLATE: u64 = 128 << 20;

/// The most that workerd has ever had in memory, in bytes: this Worker, D1, KV and itself.
fn peak(worker: &Worker) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.workerd().unwrap())).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn of_100_sign_ins_at_once_those_that_can_wait_are_served_and_a_check_overtakes_them() {
    let worker =
        Start::new().var("LATCHKEY_LIMITS", OUT_OF_THE_WAY).in_workerd("all", "workers-burst").unwrap();
    let (service, email) = (Service::new(&worker), "burst@example.com");
    let token = service.sign_up(email).ok(201).unwrap().text("access_token");
    service.sign_in(email).ok(200).unwrap();
    let before = peak(&worker);

    let (answered, (first, reached)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
    let answers = thread::scope(|scope| {
        let callers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (service, answered, first) = (&service, &answered, first.clone());
                scope.spawn(move || {
                    let answer = service.sign_in(email);
                    answered.fetch_add(1, Ordering::SeqCst);
                    let _ = first.send(());
                    answer
                })
            })
            .collect();
        // One answer says that the burst has reached the Worker.
        reached.recv().unwrap();
        for fresh in [false, true] {
            service.check(&token, fresh).ok(200).unwrap();
            let answered = answered.load(Ordering::SeqCst);
            println!("a check (fresh: {fresh}) was answered when {answered} of {AT_ONCE} sign-ins were");
            assert!(answered < AT_ONCE, "no sign-in was waiting any more");
        }
        callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        assert_problem(answer, 503, "unavailable");
    }
    let wasm = service.door("memory").json().as_u64().unwrap();
    let grown = peak(&worker) - before;
    println!(
        "of {AT_ONCE} sign-ins at once {} were served and {} told to come again; the Worker's memory is {} KiB, and workerd \
         as a whole grew by {} KiB",
        served.len(),
        refused.len(),
        wasm / 1024,
        grown / 1024
    );
    // Ten seconds are for some 120 of them on a quiet machine: how many it is here is no matter of right and wrong.
    assert!(served.len() >= LEAST, "{} were served", served.len());
    // WebAssembly's memory never shrinks: this is its peak.
    assert!(wasm + grown < ISOLATE, "{wasm} and {grown} bytes");
    service.sign_in(email).ok(200).unwrap();
}

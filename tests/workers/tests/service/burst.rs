//! Needs the default strength of hashes, and limits that let 100 pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tokio::sync::Notify;

use crate::support::{AT_ONCE, Service, fresh, together};

/// The fewest that a slow machine serves within the time that a sign-in may wait for its hash.
const LEAST: usize = 16;
/// What Cloudflare gives an isolate, in bytes.
const ISOLATE: u64 = 128 << 20;

/// The most that workerd has ever had in memory, in bytes: this Worker, D1, KV and itself.
fn peak() -> u64 {
    let process =
        std::env::var("LATCHKEY_WORKERD").unwrap_or_else(|_| panic!("run this by tests/workers/run"));
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() * 1024
}

/// All 100 are sent at once, each on a connection of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_100_sign_ins_at_once_those_that_can_wait_are_served_and_a_check_overtakes_them() {
    let (service, email) = (Service::new(), fresh("burst"));
    let begun = service.sign_up(&email).await;
    let token = begun.text("access_token").to_owned();
    assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
    let before = peak();

    let (answered, first) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let callers = vec![(service.clone(), email.clone(), Arc::clone(&answered), Arc::clone(&first)); AT_ONCE];
    let burst =
        tokio::spawn(together(callers.into_iter().map(|(service, email, answered, first)| async move {
            let answer = service.sign_in(&email).await;
            answered.fetch_add(1, Ordering::SeqCst);
            first.notify_one();
            answer
        })));
    // One answer says that the burst has reached the Worker.
    first.notified().await;
    let checks = [false, true].map(|fresh| {
        let (service, token, answered) = (service.clone(), token.clone(), Arc::clone(&answered));
        async move { (fresh, service.check(&token, fresh).await, answered.load(Ordering::SeqCst)) }
    });
    for (fresh, checked, answered) in together(checks.into_iter()).await {
        assert_eq!(checked.status, StatusCode::OK, "{}", checked.body);
        println!("a check (fresh: {fresh}) was answered when {answered} of {AT_ONCE} sign-ins were");
        assert!(answered < AT_ONCE, "no sign-in was waiting any more");
    }

    let answers = burst.await.unwrap();
    let (served, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == StatusCode::OK);
    for answer in &refused {
        answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    }
    let Some(wasm) = service.get("/harness/memory").await.body.as_u64() else { panic!("no size") };
    let grown = peak() - before;
    println!(
        "of 100 sign-ins at once {} were served and {} told to come again; the Worker's memory is {} KiB, and workerd \
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
    assert_eq!(service.sign_in(&email).await.status, StatusCode::OK);
}

//! The only test in its process, because it measures the memory of the process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::time::Duration;

use argon2::Params;
use latchkey::adapters::{PoolSize, PooledHasher};
use latchkey_core::SecretString;
use latchkey_core::port::{Derivation, PasswordHasher};

/// Returns the resident memory of the process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// There are four bursts, because an allocator may release memory once and keep it afterwards.
#[tokio::test]
async fn a_pool_without_work_gives_its_memory_back_after_every_burst() {
    let size = PoolSize { idle: Duration::ZERO, ..PoolSize::of(NonZeroUsize::new(2).unwrap()) };
    let hasher = PooledHasher::new(&size).unwrap();
    let job = || {
        let params = Params::new(19 * 1024, 1, 1, None).unwrap();
        Derivation::new(SecretString::from("password"), [0; 16], params)
    };
    let limit = resident() + 8 * 1024;
    for burst in 0..4 {
        let (one, other) = tokio::join!(hasher.derive(job()), hasher.derive(job()));
        assert_eq!(one.unwrap(), other.unwrap());
        // A thread responds before it releases its memory.
        let back = (0..100_000).any(|_| {
            std::thread::yield_now();
            resident() < limit
        });
        assert!(back, "after burst {burst}: {} KiB of {limit}", resident());
    }
}

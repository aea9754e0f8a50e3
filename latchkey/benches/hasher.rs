//! Number of passwords that this machine hashes in a second with the default Argon2 parameters: argon2id, 19
//! MiB, two passes, one lane.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::num::NonZeroUsize;
use std::time::Duration;

use argon2::{Block, Params};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use latchkey::adapters::{PoolSize, PooledHasher};
use latchkey_core::SecretString;
use latchkey_core::port::{Derivation, PasswordHasher};
use latchkey_native::vec_on_huge_pages;
use tokio::task::JoinSet;

fn job() -> Derivation {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap();
    Derivation::new(SecretString::from("correct horse battery staple"), *b"0123456789abcdef", params)
}

/// Measures one hash, with and without reused memory and huge pages: the minimum time of a sign-in.
fn one_hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one hash");
    group.throughput(Throughput::Elements(1));
    let job = job();
    for (pages, room) in
        [("small", Vec::with_capacity as fn(usize) -> Vec<Block>), ("huge", vec_on_huge_pages)]
    {
        let mut kept = room(PooledHasher::ROOM);
        group.bench_function(BenchmarkId::new("memory reused", pages), |bencher| {
            bencher.iter(|| job.run(&mut kept).unwrap());
        });
        group.bench_function(BenchmarkId::new("memory allocated", pages), |bencher| {
            bencher.iter(|| job.run(&mut room(PooledHasher::ROOM)).unwrap());
        });
    }
    group.finish();
}

/// Measures the pool on all threads of the machine. Elements are hashes.
fn pool(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let size = PoolSize::default();
    let hasher: &'static PooledHasher = Box::leak(Box::new(PooledHasher::new(&size).unwrap()));
    let mut group = criterion.benchmark_group(format!("pool of {}", size.threads));
    let threads = u64::try_from(NonZeroUsize::get(size.threads)).unwrap();
    for callers in [1, threads, 4 * threads, 16 * threads] {
        group.throughput(Throughput::Elements(callers));
        group.bench_function(BenchmarkId::new("callers", callers), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut waiting: JoinSet<_> = (0..callers).map(|_| hasher.derive(job())).collect();
                    while let Some(hash) = waiting.join_next().await {
                        hash.unwrap().unwrap();
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(8));
    targets = one_hash, pool
}
criterion_main!(benches);

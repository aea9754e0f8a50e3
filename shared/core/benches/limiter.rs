//! Cost of limits: one hit in process, one request through the limiter, one read through the meter of a session.

use std::hint::black_box;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use latchkey_core::adapter::{InProcessCounters, SlidingLog};
use latchkey_core::limit::{Action, ClientAddress, Fallback, Limiter, Limits, SessionMeter, Subject};
use latchkey_core::port::{Clock, Counters, Window};
use latchkey_core::{Email, Timestamp};

/// Returns the result of a future of the in-process adapters, which never wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

fn window(key: String, limit: u32) -> Window {
    Window { key, limit, length: Duration::from_mins(1) }
}

/// Clock that moves by a fixed step at each call. With a step of `length / limit`, each hit finds room for one more.
struct Ticks {
    millis: i64,
    step: i64,
}

impl Ticks {
    fn of(limit: u32, length: Duration) -> Self {
        let step = length.as_millis() / u128::from(limit);
        Self { millis: 1_767_225_600_000, step: i64::try_from(step).unwrap_or(i64::MAX) }
    }

    fn now(&mut self) -> Timestamp {
        self.millis += self.step;
        Timestamp::from_millis(self.millis)
    }
}

fn log(c: &mut Criterion) {
    let mut group = c.benchmark_group("SlidingLog::hit");
    for limit in [5, 60, 10_000] {
        group.bench_with_input(BenchmarkId::from_parameter(limit), &limit, |b, limit| {
            let window = window("k".to_owned(), *limit);
            let (mut log, mut ticks) = (SlidingLog::default(), Ticks::of(*limit, window.length));
            b.iter(|| log.hit(black_box(&window), ticks.now()));
        });
    }
    group.finish();
}

fn counters(c: &mut Criterion) {
    let mut group = c.benchmark_group("InProcessCounters::hit");
    let key = || "signin:address:N9rWd88LOZfQ9d0NeIn4Sw".to_owned();
    group.bench_function("counted", |b| {
        let (counters, windows) = (InProcessCounters::default(), [window(key(), 60)]);
        let mut ticks = Ticks::of(60, Duration::from_mins(1));
        b.iter(|| ready(counters.hit(black_box(&windows), ticks.now())));
    });
    group.bench_function("refused", |b| {
        let (counters, windows) = (InProcessCounters::default(), [window(key(), 60)]);
        b.iter(|| ready(counters.hit(black_box(&windows), Timestamp::from_millis(0))));
    });
    group.bench_function("a new key each, full", |b| {
        let counters = InProcessCounters::default();
        let mut n = 0_u64;
        b.iter(|| {
            n += 1;
            let windows = [window(format!("signin:address:{n:022}"), 5)];
            ready(counters.hit(&windows, Timestamp::from_millis(0)))
        });
    });
    group.finish();
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
}

fn limiter(c: &mut Criterion) {
    let counters = Arc::new(InProcessCounters::default());
    let limiter = Limiter::new(counters, Arc::new(Still), Limits::default(), Arc::new(Fallback::new()));
    let address = ClientAddress::from(IpAddr::from([192, 0, 2, 7]));
    let Ok(email) = "ada@example.com".parse::<Email>() else { unreachable!("a valid address") };
    let subjects = [Subject::Address(Action::Signup, &address), Subject::Email(Action::SignupEmail, &email)];
    let mut ticks = Ticks::of(1, Duration::from_mins(12));
    c.bench_function("Limiter::admit, two subjects", |b| {
        b.iter(|| ready(limiter.admit_at(black_box(&subjects), ticks.now())));
    });
}

fn session(c: &mut Criterion) {
    let (meter, limits) = (SessionMeter::new(), Limits::default());
    let mut ticks = Ticks::of(600, Duration::from_mins(1));
    c.bench_function("SessionMeter::admit", |b| {
        b.iter(|| black_box(&meter).admit(black_box(&limits), ticks.now()));
    });
}

criterion_group!(benches, log, counters, limiter, session);
criterion_main!(benches);
